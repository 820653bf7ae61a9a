using Afs.Rpc;
using Afs.Vice.Tests.Harness;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;

namespace Afs.Vice.Tests;

public class RenameTests
{
    /// <summary>What is moved, what is in the way, how, and what rename(2) says to it. D is a directory with an entry, E an empty one, F a file.</summary>
    public static TheoryData<char, char, RenameMode, int> Matrix => new()
    {
        { 'F', '-', RenameMode.Replace, 0 },
        { 'F', 'F', RenameMode.Replace, 0 },
        { 'F', 'E', RenameMode.Replace, AbortCodes.IsADirectory.Value },
        { 'E', 'F', RenameMode.Replace, AbortCodes.NotADirectory.Value },
        { 'E', 'E', RenameMode.Replace, 0 },
        { 'D', 'E', RenameMode.Replace, 0 },
        { 'E', 'D', RenameMode.Replace, AbortCodes.DirectoryNotEmpty.Value },
        { 'D', '-', RenameMode.Replace, 0 },
        { '-', 'F', RenameMode.Replace, AbortCodes.NameNotFound.Value },
        { 'F', '-', RenameMode.NoReplace, 0 },
        { 'F', 'F', RenameMode.NoReplace, AbortCodes.NameExists.Value },
        { 'D', 'E', RenameMode.NoReplace, AbortCodes.NameExists.Value },
        { 'F', '-', RenameMode.Exchange, AbortCodes.NameNotFound.Value },
        { 'F', 'D', RenameMode.Exchange, 0 },
        { 'D', 'F', RenameMode.Exchange, 0 },
        { 'D', 'D', RenameMode.Exchange, 0 },
    };

    [Theory, MemberData(nameof(Matrix))]
    public async Task The_matrix_of_rename(char moved, char target, RenameMode mode, int abort)
    {
        foreach (bool sameDirectory in new[] { true, false })
        {
            using var cell = new TestCell(StoreKind.Sqlite);
            TestClient a = await cell.ConnectAsync();
            Fid from = await a.MakeAsync(await a.RootAsync(), "from", FileType.Directory);
            Fid to = sameDirectory ? from : await a.MakeAsync(await a.RootAsync(), "to", FileType.Directory);
            Fid source = await PutAsync(a, from, "x", moved), other = await PutAsync(a, to, "y", target);
            (FetchStatus fromBefore, FetchStatus toBefore) = ((await a.StatusAsync(from))!, (await a.StatusAsync(to))!);
            Outcome<RenameReply> outcome = await a.RenameAsync(from, "x", to, "y", mode);

            Assert.Equal(abort, outcome.Abort.Value);
            (FetchStatus fromAfter, FetchStatus toAfter) = ((await a.StatusAsync(from))!, (await a.StatusAsync(to))!);
            if (abort != 0)
            {
                Assert.Equal((fromBefore, toBefore), (fromAfter, toAfter));
                continue;
            }
            Assert.Equal(fromBefore.DataVersion.Next, fromAfter.DataVersion);
            Assert.Equal(toBefore.StatusVersion.Next, toAfter.StatusVersion);
            Assert.Equal((fromAfter, toAfter), (outcome.Value.FromParent, outcome.Value.ToParent));
            await AssertNamesAsync(a, from, to, source, other, mode);
            await AssertLinkCountsAsync(a, [from, to]);
        }
    }

    [Theory, OnEachStore]
    public async Task Two_names_of_one_file_are_left_alone(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync(), f = await a.MakeAsync(root, "f");
        await a.LinkAsync(f, root, "g");
        FetchStatus before = (await a.StatusAsync(root))!;
        Assert.True((await a.RenameAsync(root, "f", root, "g")).IsReply);
        Assert.True((await a.RenameAsync(root, "f", root, "f")).IsReply);
        Assert.Equal(["f", "g"], await a.NamesAsync(root));
        Assert.Equal(before, await a.StatusAsync(root));
    }

    [Theory, OnEachStore]
    public async Task A_directory_never_becomes_its_own_ancestor(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync(), d = await a.MakeAsync(root, "d", FileType.Directory), e = await a.MakeAsync(d, "e", FileType.Directory);
        Fid g = await a.MakeAsync(e, "g", FileType.Directory);
        Assert.Equal(AbortCodes.WouldLoop, (await a.RenameAsync(root, "d", d, "x")).Abort);
        Assert.Equal(AbortCodes.WouldLoop, (await a.RenameAsync(root, "d", g, "x")).Abort);
        Assert.Equal(AbortCodes.WouldLoop, (await a.RenameAsync(root, "d", e, "g", RenameMode.Exchange)).Abort);
        Assert.Equal(AbortCodes.WouldLoop, (await a.RenameAsync(e, "g", root, "d", RenameMode.Exchange)).Abort);
        Assert.Equal(AbortCodes.DirectoryNotEmpty, (await a.RenameAsync(e, "g", root, "d")).Abort);
        Assert.True((await a.RenameAsync(d, "e", root, "e")).IsReply);
        Assert.Equal(root, (await a.StatusAsync(e))!.Parent);
        Assert.True((await a.RenameAsync(root, "d", g, "d")).IsReply);
        Assert.Equal(AbortCodes.WouldLoop, (await a.RenameAsync(root, "e", d, "e")).Abort);
    }

    [Fact]
    public async Task What_loses_its_last_name_is_gone_and_what_has_others_stays()
    {
        using var cell = new TestCell();
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync(), f = await a.MakeAsync(root, "f"), lone = await a.MakeAsync(root, "lone"), two = await a.MakeAsync(root, "two");
        await a.LinkAsync(two, root, "other");
        RenameReply first = (await a.RenameAsync(root, "f", root, "lone")).Value;
        Assert.Equal((lone, null), (first.Replaced, first.Other));
        Assert.Null(await a.StatusAsync(lone));
        RenameReply second = (await a.RenameAsync(root, "lone", root, "two")).Value;
        Assert.Equal((two, 1u), (second.Replaced, second.Other!.LinkCount));
        Assert.Equal(["other", "two"], await a.NamesAsync(root));
        Assert.Equal(f, second.Moved.Fid);
    }

    private static async Task<Fid> PutAsync(TestClient client, Fid parent, string name, char what)
    {
        if (what == '-')
            return default;
        Fid fid = await client.MakeAsync(parent, name, what == 'F' ? FileType.Regular : FileType.Directory);
        if (what == 'D')
            await client.MakeAsync(fid, "inside");
        return fid;
    }

    private static async Task AssertNamesAsync(TestClient client, Fid from, Fid to, Fid source, Fid other, RenameMode mode)
    {
        FetchDirectoryReply listing = (await client.PageAsync(to)).Value;
        Assert.Equal(source, Assert.Single(listing.Entries, entry => entry.Name is [(byte)'y']).Fid);
        bool isOldNameThere = (await client.NamesAsync(from)).Contains("x");
        Assert.Equal(mode == RenameMode.Exchange, isOldNameThere);
        if (other != default)
            Assert.Equal(mode == RenameMode.Exchange, await client.StatusAsync(other) is not null);
        if ((await client.StatusAsync(source))!.Type == FileType.Directory)
            Assert.Equal(to, (await client.StatusAsync(source))!.Parent);
    }

    private static async Task AssertLinkCountsAsync(TestClient client, Fid[] directories)
    {
        foreach (Fid directory in directories)
        {
            FetchDirectoryReply listing = (await client.PageAsync(directory)).Value;
            Assert.Equal(2u + (uint)listing.Entries.Count(entry => entry.Type == FileType.Directory), listing.Status.LinkCount);
        }
    }

    [Theory, OnEachStore]
    public async Task A_rename_reads_a_bounded_number_of_vnodes_inside_the_writer_however_deep_the_tree(StoreKind kind)
    {
        const int Levels = 1500, Most = 20;
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync(), top = await a.MakeAsync(root, "top", FileType.Directory), deep = top;
        for (int i = 0; i < Levels; i++)
            deep = await a.MakeAsync(deep, "d", FileType.Directory);
        Fid other = await a.MakeAsync(root, "other", FileType.Directory);
        int reads = 0;
        cell.Hooks.OnCall = (_, method, _) => reads += method == nameof(IMetadataView.FindVnode) ? 1 : 0;

        Assert.Equal(AbortCodes.WouldLoop, (await a.RenameAsync(root, "top", deep, "x")).Abort);
        Assert.InRange(reads, 1, Most);
        reads = 0;
        Assert.True((await a.RenameAsync(root, "other", deep, "x")).IsReply);
        Assert.InRange(reads, 1, Most);
        reads = 0;
        Assert.True((await a.RenameAsync(deep, "x", deep, "y")).IsReply);
        Assert.InRange(reads, 1, Most);
        Assert.Equal(deep, (await a.StatusAsync(other))!.Parent);
    }

    [Theory, OnEachStore]
    public async Task Directories_that_move_below_each_other_at_once_never_make_a_circle(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        (TestClient a, TestClient b) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid root = await a.RootAsync();
        Assert.Equal(root, await b.RootAsync());
        Fid left = await a.MakeAsync(root, "left", FileType.Directory), right = await a.MakeAsync(root, "right", FileType.Directory);
        Fid inLeft = await a.MakeAsync(left, "in", FileType.Directory), inRight = await a.MakeAsync(right, "in", FileType.Directory);
        int loops = 0;
        for (int round = 0; round < 200; round++)
        {
            Task<Outcome<RenameReply>> one = a.RenameAsync(root, "left", inRight, "left").AsTask(), two = b.RenameAsync(root, "right", inLeft, "right").AsTask();
            Outcome<RenameReply>[] both = await Task.WhenAll(one, two);
            Assert.Equal(1, both.Count(static outcome => outcome.IsReply));
            loops += both.Count(static outcome => outcome.Abort == AbortCodes.WouldLoop);
            Assert.True((both[0].IsReply ? await a.RenameAsync(inRight, "left", root, "left") : await a.RenameAsync(inLeft, "right", root, "right")).IsReply);
        }
        Assert.Equal(200, loops);
        Assert.Empty(LargeContents.Check(cell));
    }
}
