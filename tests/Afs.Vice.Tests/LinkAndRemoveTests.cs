using Afs.Vice.Tests.Harness;
using Afs.Wire;

namespace Afs.Vice.Tests;

public class LinkAndRemoveTests
{
    [Theory, OnEachStore]
    public async Task A_file_lives_as_long_as_one_of_its_names(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync(), d = await a.MakeAsync(root, "d", FileType.Directory), f = await a.MakeAsync(root, "f");
        await a.StoreAsync(f, [1, 2, 3], 1);
        LinkReply linked = (await a.LinkAsync(f, d, "g")).Value;
        Assert.Equal(2u, linked.Status.LinkCount);
        Assert.Equal(new DataVersion(2), linked.Parent.DataVersion);

        RemoveReply first = (await a.RemoveAsync(root, "f")).Value;
        Assert.Equal((f, 1u), (first.Removed, first.Remaining!.LinkCount));
        Assert.Equal([1, 2, 3], (await a.FetchAsync(f)).Value.Content!);
        RemoveReply last = (await a.RemoveAsync(d, "g")).Value;
        Assert.Null(last.Remaining);
        Assert.Equal(AbortCodes.NoVnode, (await a.FetchAsync(f)).Abort);
        Assert.Equal(AbortCodes.NoVnode, (await a.StoreAsync(f, [4], 2)).Abort);
    }

    [Fact]
    public async Task Links_are_refused_where_rename_and_unlink_would_be_wrong()
    {
        using var cell = new TestCell();
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync(), d = await a.MakeAsync(root, "d", FileType.Directory), f = await a.MakeAsync(root, "f");
        Assert.Equal(AbortCodes.IsADirectory, (await a.LinkAsync(d, root, "e")).Abort);
        Assert.Equal(AbortCodes.NameExists, (await a.LinkAsync(f, root, "d")).Abort);
        Assert.Equal(AbortCodes.NotADirectory, (await a.LinkAsync(f, f, "x")).Abort);
        Assert.Equal(AbortCodes.CrossesVolumes, (await a.LinkAsync(f with { Volume = new VolumeId(5) }, root, "x")).Abort);
    }

    [Theory, OnEachStore]
    public async Task Removing_is_refused_by_the_rules_of_unlink_and_rmdir(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync(), d = await a.MakeAsync(root, "d", FileType.Directory), f = await a.MakeAsync(d, "f");
        Assert.Equal(AbortCodes.NameNotFound, (await a.RemoveAsync(root, "none")).Abort);
        Assert.Equal(AbortCodes.IsADirectory, (await a.RemoveAsync(root, "d")).Abort);
        Assert.Equal(AbortCodes.NotADirectory, (await a.RemoveAsync(d, "f", isDirectory: true)).Abort);
        Assert.Equal(AbortCodes.DirectoryNotEmpty, (await a.RemoveAsync(root, "d", isDirectory: true)).Abort);
        Assert.Equal(AbortCodes.NameChanged, (await a.RemoveAsync(d, "f", expected: d)).Abort);
        Assert.True((await a.RemoveAsync(d, "f", expected: f)).IsReply);
        Assert.True((await a.RemoveAsync(root, "d", isDirectory: true)).IsReply);
        Assert.Equal(AbortCodes.NoVnode, (await a.CreateAsync(d, "late")).Abort);
    }

    [Theory, OnEachStore]
    public async Task An_object_without_a_name_goes_when_released_but_not_once_it_is_linked(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync(), gone = await a.MakeAsync(root, null), kept = await a.MakeAsync(root, null);
        Assert.Equal(0u, (await a.StatusAsync(gone))!.LinkCount);
        Assert.Equal(1u, (await a.LinkAsync(kept, root, "kept")).Value.Status.LinkCount);
        foreach (Fid fid in new[] { gone, kept })
            Assert.True((await a.Vice.ReleaseUnnamedAsync(new ReleaseUnnamedRequest { Fid = fid }, a.Next())).IsReply);
        Assert.Null(await a.StatusAsync(gone));
        Assert.Equal(["kept"], await a.NamesAsync(root));
    }

    [Theory, OnEachStore]
    public async Task An_object_without_a_name_is_its_sessions_alone(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync(), b = await cell.ConnectAsync();
        byte[] secret = [.. Enumerable.Range(0, 100_000).Select(static i => (byte)(i * i >> 3))];
        Fid root = await a.RootAsync(), small = await a.MakeAsync(root, null), large = await a.MakeAsync(root, null);
        Assert.True((await a.StoreAsync(small, [1, 2, 3], 1)).IsReply);
        await a.UploadAsync(new UploadId(1), root.Volume, secret);
        Assert.True((await a.StoreUploadAsync(large, new UploadId(1), secret, 1)).IsReply);
        Assert.True((await a.SetXattrAsync(small, "user.secret"u8, [1])).IsReply);

        foreach (Fid fid in new[] { small, large })
        {
            Assert.Null(await b.StatusAsync(fid));
            Assert.Equal(AbortCodes.NoVnode, (await b.FetchAsync(fid)).Abort);
            Assert.Equal(AbortCodes.NoVnode, (await b.DownloadAsync(fid, 2)).Abort);
            Assert.Equal(AbortCodes.NoVnode, (await b.Vice.FetchXattrsAsync(new FetchXattrsRequest { Fid = fid }, b.Next())).Abort);
            CachedVersion current = new(fid.Vnode, fid.Uniquifier, (await a.StatusAsync(fid))!.StatusVersion);
            Assert.Equal([0], (await b.Vice.ValidateAsync(new ValidateRequest { Volume = root.Volume, Entries = [current] }, b.Next())).Value.Valid);
            Assert.Equal(AbortCodes.NoVnode, (await b.StoreAsync(fid, [9], 2)).Abort);
            Assert.Equal(AbortCodes.NoVnode, (await b.SetXattrAsync(fid, "user.mine"u8, [1])).Abort);
            Assert.Equal(AbortCodes.NoVnode, (await b.Vice.StoreStatusAsync(new StoreStatusRequest { Fid = fid, Fields = StatusFields.Mode, Mode = 0x1FF, ChangeTime = b.Now() }, b.Next())).Abort);
            Assert.Equal(AbortCodes.NoVnode, (await b.LinkAsync(fid, root, "stolen")).Abort);
            Assert.True((await b.Vice.ReleaseUnnamedAsync(new ReleaseUnnamedRequest { Fid = fid }, b.Next())).IsReply);
        }
        Assert.Equal(AbortCodes.VersionGone, (await b.UploadPartsAsync(new UploadId(2), large, 2, secret, [new Extent { OffsetBytes = 0, LengthBytes = 65_536 }])).Abort);

        Assert.Equal([1, 2, 3], (await a.FetchAsync(small)).Value.Content!);
        Assert.Equal(secret, (await a.DownloadAsync(large, 2)).Value);
        Assert.True((await a.LinkAsync(small, root, "given")).IsReply);
        Assert.Equal([1, 2, 3], (await b.FetchAsync(small)).Value.Content!);
    }

    [Theory, OnEachStore]
    public async Task An_object_without_a_name_outlives_a_restart_and_goes_with_its_session(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync(), replaced = await a.MakeAsync(root, null);
        await a.StoreAsync(replaced, [1], 1);
        cell.Restart();
        a.Attach();
        Assert.NotNull(await a.StatusAsync(replaced));
        await a.NewSessionAsync();
        a.Attach();
        await a.RootAsync();
        await cell.Server.SweepAsync();
        Assert.Null(await a.StatusAsync(replaced));

        Fid silent = await a.MakeAsync(root, null);
        TestClient b = await cell.ConnectAsync();
        cell.Time.Advance(TimeSpan.FromMinutes(61));
        b.Contact();
        await cell.Server.SweepAsync();
        Assert.Null(await b.StatusAsync(silent));
        Assert.False((await a.CreateAsync(root, "late")).IsReply);
    }
}
