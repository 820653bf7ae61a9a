using Afs.Vice.Tests.Harness;
using Afs.Wire;

namespace Afs.Vice.Tests;

public class CreateTests
{
    [Theory, OnEachStore]
    public async Task A_new_file_is_empty_and_named_and_its_directory_changes_once(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync();
        CreateRequest request = a.CreateRequest(root, "f") with { Mode = 0xFFFFu };
        CreateReply reply = (await a.Vice.CreateAsync(request, a.Next())).Value;

        FetchStatus s = reply.Status;
        Assert.Equal((FileType.Regular, 0xFFFu, 1u, 0L, new DataVersion(1)), (s.Type, s.Mode, s.LinkCount, s.LengthBytes, s.DataVersion));
        Assert.Equal(request.Time, s.ModifyTime);
        Assert.Equal(
            (new DataVersion(2), new StatusVersion(2), request.Time),
            (reply.Parent!.DataVersion, reply.Parent.StatusVersion, reply.Parent.ChangeTime));
        Assert.Equal(s, await a.StatusAsync(s.Fid));
        Assert.Equal(reply.Parent, await a.StatusAsync(root));
        Assert.Equal(["f"], await a.NamesAsync(root));
    }

    [Theory, OnEachStore]
    public async Task A_fid_says_nothing_of_the_next(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync();
        var fids = new List<Fid> { root };
        for (int i = 0; i < 64; i++)
            fids.Add(await a.MakeAsync(root, $"f{i}"));
        Assert.Equal(fids.Count, fids.Select(static fid => fid.Uniquifier).Distinct().Count());
        uint[] steps = [.. fids.Zip(fids.Skip(1), static (fid, next) => next.Uniquifier.Value - fid.Uniquifier.Value)];
        Assert.Equal(steps.Length, steps.Distinct().Count());
        Assert.DoesNotContain(default, fids.Select(static fid => fid.Uniquifier));
        Assert.True(fids.Zip(fids.Skip(1), static (fid, next) => next.Vnode.Value > fid.Vnode.Value).All(static rises => rises));

        Fid guessed = fids[^1] with { Uniquifier = root.Uniquifier };
        Assert.Null(await a.StatusAsync(guessed));
        cell.Restart();
        a.Attach();
        foreach (Fid fid in fids)
            Assert.NotNull(await a.StatusAsync(fid));
    }

    [Theory, OnEachStore]
    public async Task A_refused_create_leaves_no_trace(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync();
        Fid file = await a.MakeAsync(root, "f");
        FetchStatus before = (await a.StatusAsync(root))!;
        Assert.Equal(AbortCodes.NameExists, (await a.CreateAsync(root, "f")).Abort);
        Assert.Equal(AbortCodes.NotADirectory, (await a.CreateAsync(file, "g")).Abort);
        Assert.Equal(AbortCodes.NoVnode, (await a.CreateAsync(root with { Vnode = new VnodeNumber(999) }, "g")).Abort);
        Assert.Equal(AbortCodes.NoVnode, (await a.CreateAsync(root with { Uniquifier = new Uniquifier(1) }, "g")).Abort);
        Assert.Equal(AbortCodes.NoVolume, (await a.CreateAsync(root with { Volume = new VolumeId(9) }, "g")).Abort);
        Assert.Equal(before, await a.StatusAsync(root));
    }

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("a/b")]
    [InlineData("a\0b")]
    public async Task A_bad_name_is_refused(string name)
    {
        using var cell = new TestCell();
        TestClient a = await cell.ConnectAsync();
        Assert.Equal(AbortCodes.BadName, (await a.CreateAsync(await a.RootAsync(), name)).Abort);
    }

    [Fact]
    public async Task Names_may_have_255_bytes_of_any_kind_and_no_more()
    {
        using var cell = new TestCell(StoreKind.Sqlite);
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync();
        byte[] name = [.. Enumerable.Range(1, 255).Select(i => (byte)(i == '/' ? 'x' : i))];
        Assert.True((await a.Vice.CreateAsync(a.CreateRequest(root, "") with { Name = name }, a.Next())).IsReply);
        Assert.Equal(name, Assert.Single((await a.PageAsync(root)).Value.Entries).Name);
        Assert.Equal(AbortCodes.BadName, (await a.CreateAsync(root, new string('n', 256))).Abort);
    }

    [Fact]
    public async Task Requests_that_no_correct_client_sends_are_refused()
    {
        using var cell = new TestCell();
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync();
        CreateRequest good = a.CreateRequest(root, "x");
        CreateRequest[] bad =
        [
            good with { Type = FileType.None },
            good with { Type = (FileType)99 },
            good with { Time = new Timestamp(0, 1_000_000_000) },
            good with { DeviceNumber = 5 },
            good with { SymlinkTarget = [1] },
            good with { Type = FileType.Symlink },
            good with { Type = FileType.Symlink, SymlinkTarget = [] },
            good with { Type = FileType.Symlink, SymlinkTarget = [65, 0] },
            good with { Name = null, Type = FileType.Directory },
        ];
        foreach (CreateRequest request in bad)
            Assert.Equal(AbortCodes.BadArgument, (await a.Vice.CreateAsync(request, a.Next())).Abort);
        Assert.Empty(await a.NamesAsync(root));
    }

    [Theory, OnEachStore]
    public async Task Directories_count_their_subdirectories_and_know_their_parent(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync();
        CreateReply made = (await a.CreateAsync(root, "d", FileType.Directory)).Value;
        Assert.Equal((2u, root), (made.Status.LinkCount, made.Status.Parent));
        Assert.Equal(3u, made.Parent!.LinkCount);
        RemoveReply removed = (await a.RemoveAsync(root, "d", isDirectory: true)).Value;
        Assert.Equal(2u, removed.Parent.LinkCount);
        Assert.Null(await a.StatusAsync(made.Status.Fid));
    }

    [Fact]
    public async Task A_set_group_id_directory_gives_its_group_and_to_directories_the_bit()
    {
        using var cell = new TestCell();
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync();
        CreateRequest request = a.CreateRequest(root, "d", FileType.Directory) with { Mode = 0x5ED, Gid = 77 };
        Fid d = (await a.Vice.CreateAsync(request, a.Next())).Value.Status.Fid;
        FetchStatus file = (await a.CreateAsync(d, "f")).Value.Status;
        FetchStatus directory = (await a.CreateAsync(d, "e", FileType.Directory)).Value.Status;
        Assert.Equal((77u, 0x1A4u), (file.Gid, file.Mode));
        Assert.Equal((77u, 0x5EDu), (directory.Gid, directory.Mode));
    }

    [Theory, OnEachStore]
    public async Task Symlinks_and_devices_keep_what_they_are(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync();
        FetchStatus link = (await a.StatusAsync(await a.MakeAsync(root, "l", FileType.Symlink)))!;
        Assert.Equal("target"u8.ToArray(), link.SymlinkTarget);
        Assert.Equal(6, link.LengthBytes);
        CreateRequest device = a.CreateRequest(root, "dev", FileType.CharacterDevice) with { DeviceNumber = 0x103 };
        Assert.Equal(0x103u, (await a.Vice.CreateAsync(device, a.Next())).Value.Status.DeviceNumber);
        foreach (FileType type in new[] { FileType.Fifo, FileType.Socket })
            Assert.Equal(type, (await a.StatusAsync(await a.MakeAsync(root, type.ToString(), type)))!.Type);
    }
}
