using System.Text;
using Afs.Rpc;
using Afs.Vice.Tests.Harness;
using Afs.Wire;

namespace Afs.Vice.Tests;

public class StatusTests
{
    [Theory, OnEachStore]
    public async Task Only_the_named_fields_change_and_the_status_version_rises(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync();
        Fid f = await a.MakeAsync(await a.RootAsync(), "f");
        FetchStatus before = (await a.StatusAsync(f))!;
        var request = new StoreStatusRequest
        {
            Fid = f,
            Fields = StatusFields.Mode | StatusFields.AccessTime,
            Mode = 0xFFED,
            Uid = 5,
            Gid = 6,
            AccessTime = new Timestamp(-5, 7),
            ModifyTime = new Timestamp(1, 1),
            ChangeTime = new Timestamp(9, 9),
        };
        FetchStatus after = (await a.Vice.StoreStatusAsync(request, a.Next())).Value.Status;
        FetchStatus expected = before with
        {
            Mode = 0xFED,
            AccessTime = new Timestamp(-5, 7),
            ChangeTime = new Timestamp(9, 9),
            StatusVersion = before.StatusVersion.Next,
        };
        Assert.Equal(expected, after);
        Assert.Equal(expected, await a.StatusAsync(f));

        StoreStatusRequest owner = request with { Fields = StatusFields.Uid | StatusFields.Gid | StatusFields.ModifyTime | StatusFields.KillSetId };
        after = (await a.Vice.StoreStatusAsync(owner, a.Next())).Value.Status;
        Assert.Equal((5u, 6u, new Timestamp(1, 1), 0x3EDu), (after.Uid, after.Gid, after.ModifyTime, after.Mode));
        Assert.Equal(AbortCodes.BadArgument, (await a.Vice.StoreStatusAsync(request with { Fields = (StatusFields)1024 }, a.Next())).Abort);
        Assert.Equal(AbortCodes.BadArgument, (await a.Vice.StoreStatusAsync(request with { ChangeTime = new Timestamp(0, 1_000_000_000) }, a.Next())).Abort);
    }

    /// <summary>The group's bit means locking where the group may not execute.</summary>
    [Theory]
    [InlineData(0xDEDu, 0x1EDu)]
    [InlineData(0xDE4u, 0x5E4u)]
    public async Task Set_id_bits_are_cleared_but_for_the_groups_where_it_may_not_execute(uint mode, uint expected)
    {
        using var cell = new TestCell();
        TestClient a = await cell.ConnectAsync();
        Fid f = (await a.Vice.CreateAsync(a.CreateRequest(await a.RootAsync(), "f") with { Mode = mode }, a.Next())).Value.Status.Fid;
        var request = new StoreStatusRequest { Fid = f, Fields = StatusFields.KillSetId, ChangeTime = new Timestamp(1, 1) };
        Assert.Equal(expected, (await a.Vice.StoreStatusAsync(request, a.Next())).Value.Status.Mode);
    }

    /// <summary>Paged by bytes: a reply fits a frame whatever its parts are, and each call gets on.</summary>
    [Theory, OnEachStore]
    public async Task Statuses_of_large_symlinks_come_in_as_many_replies_as_they_need(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync();
        byte[] target = [.. Enumerable.Repeat((byte)'x', Limits.SymlinkTargetBytes)];
        List<Fid> fids = [];
        for (int i = 0; i < 600; i++)
        {
            var request = new CreateRequest
            {
                Parent = root,
                Name = Encoding.UTF8.GetBytes($"link{i:d4}"),
                Type = FileType.Symlink,
                Mode = 0x1FF,
                Uid = 0,
                Gid = 0,
                SymlinkTarget = target,
                Time = new Timestamp(1, 1),
            };
            fids.Add((await a.Vice.CreateAsync(request, a.Next())).Value.Status.Fid);
        }
        List<Fid> answered = [];
        while (answered.Count < fids.Count)
        {
            var request = new FetchStatusRequest { Fids = fids[answered.Count..] };
            FetchStatusReply reply = (await a.Vice.FetchStatusAsync(request, a.Next())).Value;
            Assert.InRange(reply.Statuses.Count, 100, 400);
            Assert.InRange(SizeOf(reply), 1, FrameLimits.ControlBytes / 2 + 8192);
            answered.AddRange(reply.Statuses.Select(status => status!.Fid));
        }
        Assert.Equal(fids, answered);

        FetchDirectoryReply page = (await a.PageAsync(root, withStatus: true)).Value;
        Assert.Equal(fids, page.Entries.Select(entry => entry.Fid));
        Assert.InRange(SizeOf(page), 1, FrameLimits.ControlBytes / 2 + 8192);
    }

    [Theory, OnEachStore]
    public async Task Statuses_come_in_bulk_with_null_for_what_is_gone(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync(), f = await a.MakeAsync(root, "f"), gone = await a.MakeAsync(root, "gone");
        await a.RemoveAsync(root, "gone");
        FetchStatusReply reply = (await a.Vice.FetchStatusAsync(new FetchStatusRequest { Fids = [f, gone, root] }, a.Next())).Value;
        Assert.Equal([f, null, root], reply.Statuses.Select(s => s?.Fid));
        Fid other = root with { Volume = new VolumeId(99) };
        Assert.Equal(AbortCodes.BadArgument, (await a.Vice.FetchStatusAsync(new FetchStatusRequest { Fids = [f, other] }, a.Next())).Abort);
        Assert.Equal(AbortCodes.NoVolume, (await a.Vice.FetchStatusAsync(new FetchStatusRequest { Fids = [other] }, a.Next())).Abort);
        Assert.Equal(AbortCodes.BadArgument, (await a.Vice.FetchStatusAsync(new FetchStatusRequest { Fids = [] }, a.Next())).Abort);
    }

    [Theory, OnEachStore]
    public async Task Validation_tells_what_holds_and_promises_it(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        (TestClient a, TestClient b) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid root = await a.RootAsync();
        Fid[] files = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => a.MakeAsync(root, $"f{i}")));
        await a.StoreAsync(files[3], [1], 1);
        await a.RemoveAsync(root, "f7");
        CachedVersion[] cached = [.. files.Select(f => new CachedVersion(f.Vnode, f.Uniquifier, new StatusVersion(1)))];
        var request = new ValidateRequest { Volume = root.Volume, Entries = cached };
        ValidateReply reply = (await b.Vice.ValidateAsync(request, b.Next())).Value;
        Assert.Equal(Enumerable.Range(0, 20).Where(i => i is not (3 or 7)), Enumerable.Range(0, 20).Where(i => (reply.Valid[i / 8] >> i % 8 & 1) != 0));
        await a.StoreAsync(files[0], [1], 1);
        Assert.Equal([files[0]], b.Venus.BrokenFids);

    }

    [Theory, OnEachStore]
    public async Task No_volume_version_makes_an_old_entry_valid(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync(), f = await a.MakeAsync(root, "f");
        VolumeVersion current = (await a.Vice.GetVolumeAsync(new GetVolumeRequest { Name = "root" }, a.Next())).Value.Version;
        // As a client of before would send it: with the volume's version of now in the place of key 1.
        byte[] old = [0x93, (byte)root.Volume.Value, (byte)current.Value, 0x91, 0x93, (byte)f.Vnode.Value, 0xCE, .. BigEndian(f.Uniquifier.Value), 0x4D];
        ValidateReply reply = (await a.Vice.ValidateAsync(WireCodec.FromBytes<ValidateRequest>(old), a.Next())).Value;
        Assert.Equal([0], reply.Valid);
    }

    [Theory, OnEachStore]
    public async Task The_volume_version_rises_with_every_change_and_with_nothing_else(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync();
        ulong before = await VersionAsync(a);
        Fid f = await a.MakeAsync(root, "f");
        await a.CreateAsync(root, "f");
        await a.FetchAsync(f);
        Assert.Equal(before + 1, await VersionAsync(a));
        await a.StoreAsync(f, [1], 1);
        await a.RenameAsync(root, "f", root, "g");
        Assert.Equal(before + 3, await VersionAsync(a));
        cell.Restart();
        a.Attach();
        Assert.Equal(before + 3, await VersionAsync(a));
        GetVolumeStatusReply status = (await a.Vice.GetVolumeStatusAsync(new GetVolumeStatusRequest { Volume = root.Volume }, a.Next())).Value;
        Assert.Equal(2ul, status.Vnodes);
        Assert.InRange(status.FreeBytes, 1, status.TotalBytes);
        Assert.Equal(Math.Min(64 << 20, status.TotalBytes / 32), status.ReservedBytes);
        Assert.Equal(AbortCodes.NoVolume, (await a.Vice.GetVolumeAsync(new GetVolumeRequest { Name = "other" }, a.Next())).Abort);
    }

    [Theory, OnEachStore]
    public async Task Xattrs_are_set_replaced_and_removed_by_the_rules_of_setxattr(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync();
        Fid f = await a.MakeAsync(await a.RootAsync(), "f");
        Assert.Equal(AbortCodes.NoXattr, (await SetAsync(a, f, "user.a", [1], XattrMode.Replace)).Abort);
        FetchStatus set = (await SetAsync(a, f, "user.a", [1], XattrMode.Create)).Value.Status;
        Assert.Equal((true, new StatusVersion(2), new DataVersion(1)), (set.HasXattrs, set.StatusVersion, set.DataVersion));
        Assert.Equal(AbortCodes.XattrExists, (await SetAsync(a, f, "user.a", [1], XattrMode.Create)).Abort);
        Assert.True((await SetAsync(a, f, "user.a", [2], XattrMode.Replace)).IsReply);
        Assert.True((await SetAsync(a, f, "user.empty", [], XattrMode.CreateOrReplace)).IsReply);
        cell.Restart();
        a.Attach();
        FetchXattrsReply all = (await a.Vice.FetchXattrsAsync(new FetchXattrsRequest { Fid = f }, a.Next())).Value;
        Assert.Equal(["user.a=2", "user.empty="], all.Xattrs.Select(x => $"{Encoding.UTF8.GetString(x.Name)}={string.Join(",", x.Value)}"));
        Assert.True((await SetAsync(a, f, "user.a", null)).IsReply);
        Assert.Equal(AbortCodes.NoXattr, (await SetAsync(a, f, "user.a", null)).Abort);
        Assert.False((await SetAsync(a, f, "user.empty", null)).Value.Status.HasXattrs);
    }

    [Fact]
    public async Task Xattrs_are_bounded()
    {
        using var cell = new TestCell();
        TestClient a = await cell.ConnectAsync();
        Fid f = await a.MakeAsync(await a.RootAsync(), "f");
        Assert.Equal(AbortCodes.XattrTooLarge, (await SetAsync(a, f, "user.a", new byte[Limits.XattrValueBytes + 1])).Abort);
        Assert.Equal(AbortCodes.BadArgument, (await SetAsync(a, f, "", [1])).Abort);
        Assert.True((await SetAsync(a, f, "user.a", new byte[65_000])).IsReply);
        Assert.True((await SetAsync(a, f, "user.b", new byte[65_000])).IsReply);
        Assert.Equal(AbortCodes.XattrTooLarge, (await SetAsync(a, f, "user.c", new byte[2_000])).Abort);
        Assert.True((await SetAsync(a, f, "user.b", new byte[10])).IsReply);
    }

    private static ValueTask<Outcome<StoreXattrReply>> SetAsync(TestClient client, Fid fid, string name, byte[]? value, XattrMode mode = XattrMode.CreateOrReplace) =>
        client.Vice.StoreXattrAsync(
            new StoreXattrRequest { Fid = fid, Name = Encoding.UTF8.GetBytes(name), Value = value, Mode = mode, ChangeTime = client.Now() },
            client.Next());

    private static async Task<ulong> VersionAsync(TestClient client) =>
        (await client.Vice.GetVolumeAsync(new GetVolumeRequest { Name = "root" }, client.Next())).Value.Version.Value;

    private static int SizeOf<T>(T message)
        where T : IWireMessage<T> => WireCodec.ToBytes(message).Length;

    private static byte[] BigEndian(uint value)
    {
        byte[] bytes = new byte[sizeof(uint)];
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        return bytes;
    }
}
