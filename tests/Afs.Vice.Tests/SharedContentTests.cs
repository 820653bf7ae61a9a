using Afs.Vice.Salvage;
using Afs.Vice.Tests.Harness;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;
using static Afs.Vice.Tests.Harness.LargeContents;

namespace Afs.Vice.Tests;

/// <summary>Any number of rows may name one content: it is there as long as one does, and goes with the last.</summary>
public class SharedContentTests
{
    [Theory, OnEachStore]
    public async Task A_content_stays_while_one_row_names_it_and_goes_with_the_last(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync();
        (Fid f, byte[] content) = await MakeAsync(a, 3 * Block);
        Fid g = await ShareAsync(cell, a, f, "g");
        AssertSound(cell);

        Assert.True((await a.RemoveAsync(root, "f")).IsReply);
        Assert.Equal(content, (await a.DownloadAsync(g, 2)).Value);
        Assert.Single(Contents(cell));
        AssertSound(cell);

        Assert.True((await a.RemoveAsync(root, "g")).IsReply);
        Assert.Empty(Contents(cell));
        Assert.Equal(0, await RetiredAsync(a));
        AssertSound(cell);
    }

    /// <summary>A clone's first change: a patch over what both have, which as a base is named by one more row.</summary>
    [Theory, OnEachStore]
    public async Task A_base_of_patches_is_shared_like_a_content(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync();
        (Fid f, byte[] content) = await MakeAsync(a, 50 * Block);
        Fid g = await ShareAsync(cell, a, f, "g");
        byte[] changed = [.. content];
        changed[7 * Block]++;
        Assert.True((await a.Vice.StoreDataAsync(a.PartsRequest(g, 2, changed, [At(7)]), a.Next())).IsReply);
        Fid h = await ShareAsync(cell, a, g, "h");
        Assert.Single(Contents(cell));
        AssertSound(cell);

        Assert.True((await a.StoreAsync(f, [1], 2)).IsReply);
        Assert.True((await a.RemoveAsync(root, "g")).IsReply);
        Assert.Equal(changed, (await a.DownloadAsync(h, 3)).Value);
        AssertSound(cell);
        Assert.True((await a.StoreAsync(h, [2], 3)).IsReply);
        Assert.Empty(Contents(cell));
        AssertSound(cell);
    }

    [Theory, OnEachStore]
    public async Task A_kept_version_and_another_file_share_a_content_too(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync();
        (Fid f, _) = await MakeAsync(a, 3 * Block);
        await ShareAsync(cell, a, f, "g");
        Assert.True((await a.StoreAsync(f, [1], 1)).Value.ReplacedUnseen);
        Assert.True((await a.RemoveAsync(await a.RootAsync(), "g")).IsReply);
        Assert.Single(Contents(cell));
        AssertSound(cell);

        cell.Time.Advance(TimeSpan.FromDays(8));
        await cell.Server.SweepAsync();
        Assert.Empty(Contents(cell));
        AssertSound(cell);
    }

    /// <summary>Rows that went without anybody to take the content away, as where the server died right after the commit.</summary>
    [Theory, OnEachStore]
    public async Task The_sweep_of_the_next_life_takes_what_no_row_names_and_nothing_else(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync();
        (Fid f, byte[] content) = await MakeAsync(a, 3 * Block);
        Fid g = await ShareAsync(cell, a, f, "g");
        Assert.Equal(0, await cell.Server.SweepOrphansAsync(default)); // What this life made it takes care of itself.
        foreach ((Fid gone, int left) in new[] { (f, 1), (g, 0) })
        {
            Change(cell, transaction =>
            {
                transaction.DeleteContent(gone.Volume, gone.Vnode);
                transaction.PutVnode(transaction.FindVnode(gone.Volume, gone.Vnode)! with { LengthBytes = 0 });
            });
            cell.Restart();
            Assert.Equal(1 - left, await cell.Server.SweepOrphansAsync(default));
            Assert.Equal(left, Contents(cell).Length);
            Assert.Empty(Check(cell));
            if (left == 0)
                break;
            a.Attach();
            Assert.Equal(content, (await a.DownloadAsync(g, 2)).Value);
        }
    }

    [Theory, OnEachStore]
    public async Task Salvage_says_of_a_shared_content_that_is_gone_whom_it_was_of(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync();
        (Fid f, _) = await MakeAsync(a, 3 * Block);
        Fid g = await ShareAsync(cell, a, f, "g");
        File.Delete(Contents(cell).Single());
        Assert.Equal([$"{f}", $"{g}"], Check(cell).Where(static problem => problem.Kind == ProblemKind.ContentMissing).Select(static problem => problem.Where).Order());
    }

    /// <summary>A new file that has another's content, as a clone of it would.</summary>
    private static async Task<Fid> ShareAsync(TestCell cell, TestClient client, Fid source, string name)
    {
        Fid made = await client.MakeAsync(await client.RootAsync(), name);
        Change(cell, transaction =>
        {
            FetchStatus status = transaction.FindVnode(source.Volume, source.Vnode)!;
            transaction.PutVnode(transaction.FindVnode(made.Volume, made.Vnode)! with { LengthBytes = status.LengthBytes, ContentCrc32C = status.ContentCrc32C, DataVersion = status.DataVersion });
            transaction.PutContent(made.Volume, made.Vnode, transaction.FindContent(source.Volume, source.Vnode)!);
        });
        return made;
    }

    private static void Change(TestCell cell, Action<IMetadataTransaction> change)
    {
        using IMetadataTransaction transaction = cell.Metadata.BeginTransaction();
        change(transaction);
        transaction.Commit();
    }

    private static async Task<long> RetiredAsync(TestClient client) =>
        (await client.Vice.GetServerStatusAsync(new GetServerStatusRequest(), client.Next())).Value.Figures.Single(static figure => figure.Name == "contents.retired").Value;
}
