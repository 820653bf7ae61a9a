using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Tests;

/// <summary>Access lists of the real Vice are answered from memory, whatever else changes of their vnodes, and never when they changed.</summary>
public class AccessListCacheTests
{
    /// <summary>u::rwx, u:77:rwx, g::r-x, m::rwx, o::---</summary>
    private static readonly byte[] List =
    [
        2, 0, 0, 0, 1, 0, 7, 0, 255, 255, 255, 255, 2, 0, 7, 0, 77, 0, 0, 0, 4, 0, 5, 0, 255, 255, 255, 255, 16, 0, 7, 0, 255, 255, 255, 255,
        32, 0, 0, 0, 255, 255, 255, 255,
    ];

    [Fact]
    public async Task WhoMakesAndChangesWhatHasLists_IsAskedForNone()
    {
        await using LiveCell cell = await LiveCell.StartAsync();
        await using LiveClient a = await cell.ConnectAsync("a");
        Fid directory = await a.CreateAsync("d", type: FileType.Directory);
        await SetAsync(a, directory, AccessList.DefaultName, List);
        Fid file = await a.CreateAsync("f", directory);
        await a.WriteAsync(file, "content");
        Assert.True((await a.Manager.Operations.SetStatusAsync(
            new StoreStatusRequest { Fid = file, Fields = StatusFields.Mode, Mode = 0x1A0, ChangeTime = a.Manager.Operations.Now }, default)).IsSuccess);
        await a.CreateAsync("g", directory);

        Assert.Equal(List, Known(a, directory, AccessList.DefaultName));
        Assert.Equal(AccessList.WithMode(List, 0x1A0), Known(a, file, AccessList.AccessName));
        Assert.Equal(0, XattrFetches(a));
        await SetAsync(a, file, AccessList.AccessName, null);
        Assert.Null(Known(a, file, AccessList.AccessName));
        Assert.Equal(0, XattrFetches(a));
    }

    [Fact]
    public async Task AnotherClientsList_IsFetchedOnce_AndAgainWhenItChanged_AndNotForOtherChanges()
    {
        await using LiveCell cell = await LiveCell.StartAsync();
        await using LiveClient a = await cell.ConnectAsync("a");
        await using LiveClient b = await cell.ConnectAsync("b");
        Fid fid = await a.CreateAsync("f");
        await SetAsync(a, fid, AccessList.AccessName, List);
        for (int round = 1; round <= 3; round++)
        {
            byte[] list = AccessList.WithMode(List, (uint)round);
            await SetAsync(a, fid, AccessList.AccessName, list);
            for (int other = 0; other < 3; other++)
            {
                await a.WriteAsync(fid, $"content {other}");
                Assert.Equal(list, (await b.Manager.Operations.GetXattrsAsync(fid, default)).Value.Single().Value);
                Assert.Equal(list, Known(b, fid, AccessList.AccessName));
            }
            Assert.Equal(round, XattrFetches(b));
        }
    }

    private static async Task SetAsync(LiveClient client, Fid fid, ReadOnlyMemory<byte> name, byte[]? value) => Assert.Equal(
        Failure.None,
        await client.Manager.Operations.SetXattrAsync(
            new StoreXattrRequest { Fid = fid, Name = name.ToArray(), Value = value, ChangeTime = client.Manager.Operations.Now }, default));

    private static Task SetAsync(LiveClient client, Fid fid, ReadOnlySpan<byte> name, byte[]? value) => SetAsync(client, fid, (ReadOnlyMemory<byte>)name.ToArray(), value);

    /// <summary>From memory.</summary>
    private static byte[]? Known(LiveClient client, Fid fid, ReadOnlySpan<byte> name)
    {
        Assert.True(client.Manager.Operations.TryGetXattrs(fid, out IReadOnlyList<Xattr> known));
        foreach (Xattr xattr in known)
        {
            if (name.SequenceEqual(xattr.Name))
                return xattr.Value;
        }
        return null;
    }

    private static long XattrFetches(LiveClient client) => client.Figure("calls.fetch-xattrs");
}
