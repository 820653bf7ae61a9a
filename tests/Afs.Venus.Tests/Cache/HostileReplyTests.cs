using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Tests;

/// <summary>A server whose replies to mutations are about another vnode than was asked for: the caller is told that the server misbehaved, and nothing of it is believed.</summary>
public class HostileReplyTests
{
    private static readonly Fid Wrong = new(new VolumeId(1), new VnodeNumber(999_999), new Uniquifier(999_999));

    [Theory, InlineData("Create"), InlineData("CreateWithoutParent"), InlineData("Remove"), InlineData("RenameFrom"), InlineData("RenameTo"), InlineData("Link"),
     InlineData("LinkParent"), InlineData("StoreStatus"), InlineData("StoreXattr"), InlineData("StoreData")]
    public async Task AReplyAboutAnotherFid_IsTheServersMisbehaviour(string kind)
    {
        await using TestClient a = await TestClient.OpenAsync(new MemoryVolume());
        Fid file = await a.CreateAsync("f"), folder = await a.CreateAsync("d", type: FileType.Directory);
        Assert.Equal(file, await a.LookupAsync("f"));
        a.Server.Stub.Forge = reply => Forged(kind, reply);
        Assert.Equal(FailureKind.ServerMisbehaved, await MutateAsync(a, kind, file, folder));
        a.Server.Stub.Forge = null;
        Assert.False(a.Manager.Statuses.TryGet(Wrong, out _));

        // What it did is asked of it again.
        Assert.Equal(kind is "Remove" or "RenameFrom" or "RenameTo" ? null : file, await a.LookupAsync("f"));
        Assert.True(a.Manager.Statuses.TryGet(file, out FetchStatus status) || kind != "StoreStatus" || (await a.Manager.Statuses.GetAsync(file, default)).IsSuccess);
        if (kind == "StoreStatus")
            Assert.Equal(0x180u, (await a.Manager.Statuses.GetAsync(file, default)).Value.Mode);
    }

    private static async Task<Failure> MutateAsync(TestClient a, string kind, Fid file, Fid folder)
    {
        IFileOperations operations = a.Manager.Operations;
        byte[] f = MemoryVice.Name("f"), other = MemoryVice.Name("other");
        switch (kind)
        {
            case "Create" or "CreateWithoutParent":
                return (await operations.CreateAsync(
                    new CreateRequest { Parent = a.Root, Name = other, Type = FileType.Regular, Mode = 0x1a4, Uid = 1, Gid = 1, Time = operations.Now }, default)).Failure;
            case "Remove":
                return await operations.RemoveAsync(a.Root, f, isDirectory: false, default);
            case "RenameFrom" or "RenameTo":
                return await operations.RenameAsync(a.Root, f, folder, other, RenameMode.Replace, default);
            case "Link" or "LinkParent":
                return (await operations.LinkAsync(file, a.Root, other, default)).Failure;
            case "StoreStatus":
                return (await operations.SetStatusAsync(
                    new StoreStatusRequest { Fid = file, Fields = StatusFields.Mode, Mode = 0x180, ChangeTime = operations.Now }, default)).Failure;
            case "StoreXattr":
                return await operations.SetXattrAsync(
                    new StoreXattrRequest { Fid = file, Name = MemoryVice.Name("user.x"), Value = [1], ChangeTime = operations.Now }, default);
            default:
                using (IContainer container = await a.OpenAsync(file, forWriting: true))
                {
                    RandomAccess.Write(container.Handle, "text"u8, 0);
                    Failure failure = await container.StoreAsync(default);
                    a.Server.Stub.Forge = null;
                    Assert.Equal(Failure.None, await container.StoreAsync(default));
                    return failure;
                }
        }
    }

    private static object Forged(string kind, object reply) => (kind, reply) switch
    {
        ("Create", CreateReply r) => r with { Parent = r.Parent! with { Fid = Wrong } },
        ("CreateWithoutParent", CreateReply r) => r with { Parent = null },
        ("Remove", RemoveReply r) => r with { Parent = r.Parent with { Fid = Wrong } },
        ("RenameFrom", RenameReply r) => r with { FromParent = r.FromParent with { Fid = Wrong } },
        ("RenameTo", RenameReply r) => r with { ToParent = r.ToParent with { Fid = Wrong } },
        ("Link", LinkReply r) => r with { Status = r.Status with { Fid = Wrong } },
        ("LinkParent", LinkReply r) => r with { Parent = r.Parent with { Fid = Wrong } },
        ("StoreStatus", StoreStatusReply r) => r with { Status = r.Status with { Fid = Wrong } },
        ("StoreXattr", StoreXattrReply r) => r with { Status = r.Status with { Fid = Wrong } },
        ("StoreData", StoreDataReply r) => r with { Status = r.Status with { Fid = Wrong } },
        _ => reply,
    };
}
