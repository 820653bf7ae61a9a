using Afs.Platform;
using Afs.Rpc;
using Afs.Vice.Service;
using Afs.Vice.Tests.Harness;
using Afs.Vice.Volumes.Content;

namespace Afs.Vice.Tests;

/// <summary>What every store of contents promises; here files of a disk are asked.</summary>
public sealed class ContentStoreTests : IDisposable
{
    private static readonly ObjectId First = ObjectId.Make(new Epoch(3), 1), Second = ObjectId.Make(new Epoch(3), 2);

    private readonly string _folder = Directory.CreateTempSubdirectory("vice-contents-").FullName;
    private readonly FaultyDisk _disk;

    public ContentStoreTests() => _disk = new FaultyDisk(new LinuxDisk(_folder));

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_content_is_what_was_added_bytes_zeros_and_what_another_has()
    {
        IContentStore store = Begin();
        byte[] bytes = LargeContents.Bytes(500_000);
        await MakeAsync(store, First, ContentPiece.Of(bytes));
        byte[] head = LargeContents.Bytes(1000, 2);
        await using (IContent source = await store.OpenAsync(First, default))
        {
            await MakeAsync(
                store, Second, ContentPiece.Of(head), ContentPiece.Zeros(3000), ContentPiece.Shared(source, 300_000), new ContentPiece(null, head, 1500), ContentPiece.Zeros(100_000));
        }
        byte[] expected = [.. head, .. new byte[3000], .. bytes[4000..304_000], .. head, .. new byte[500], .. new byte[100_000]];
        Assert.Equal(expected, await ReadAsync(store, Second));
        Assert.Equal(bytes, await ReadAsync(store, First));
        Assert.Equal([First, Second], (await ListAsync(store)).OrderBy(static id => id.Value));
    }

    [Fact]
    public async Task Ranges_are_read_in_any_order_and_none_reaches_behind_the_end()
    {
        IContentStore store = Begin();
        byte[] bytes = LargeContents.Bytes(100_000);
        await MakeAsync(store, First, ContentPiece.Of(bytes));
        await using IContent content = await store.OpenAsync(First, default);
        byte[] late = new byte[10], early = new byte[20];
        await content.ReadAsync(new[] { new ContentRange(99_990, late), new ContentRange(5, early) }, default);
        Assert.Equal(bytes[^10..], late);
        Assert.Equal(bytes[5..25], early);
        await Assert.ThrowsAsync<DiskException>(async () => await content.ReadAsync(new[] { new ContentRange(99_991, late) }, default));
    }

    [Fact]
    public async Task Data_are_found_some_at_a_time_and_all_else_is_zeros()
    {
        IContentStore store = Begin();
        const int Piece = 1 << 20;
        ContentPiece data = ContentPiece.Of(LargeContents.Bytes(Piece)), hole = ContentPiece.Zeros(Piece);
        await MakeAsync(store, First, hole, data, hole, data, hole);
        await using IContent content = await store.OpenAsync(First, default);
        List<DataRun> found = [];
        for (long offset = 0; await content.FindDataAsync(offset, 1, default) is [var run]; offset = run.EndBytes)
            found.Add(run);
        Assert.Equal(found, await content.FindDataAsync(0, 100, default));
        Assert.All(new[] { Piece + 5L, 3L * Piece + 5 }, at => Assert.Contains(found, run => run.StartBytes <= at && at < run.EndBytes));
        Assert.True(found.SequenceEqual(found.OrderBy(static run => run.StartBytes)) && found[^1].EndBytes <= content.LengthBytes);
    }

    [Fact]
    public async Task What_is_not_complete_is_not_there_and_leaves_nothing()
    {
        IContentStore store = Begin();
        IContentWriter writer = await store.CreateAsync(First, default);
        await writer.AppendAsync(new[] { ContentPiece.Of(new byte[] { 1 }) }, default);
        Assert.Equal(DiskFailure.NotFound, (await Assert.ThrowsAsync<DiskException>(async () => await store.OpenAsync(First, default))).Failure);
        Assert.Empty(await ListAsync(store));
        await writer.DisposeAsync();
        AssertNothing();

        _disk.SyncFailure = DiskFailure.Failed;
        await Assert.ThrowsAsync<DiskException>(() => MakeAsync(store, Second, ContentPiece.Of(new byte[] { 1 })));
        AssertNothing();
    }

    [Fact]
    public async Task What_a_life_was_writing_when_it_ended_is_gone_in_the_next()
    {
        IContentWriter writer = await Begin().CreateAsync(First, default);
        await writer.AppendAsync(new[] { ContentPiece.Of(new byte[] { 1 }) }, default);
        IContentStore next = Begin();
        AssertNothing();
        Assert.Empty(await ListAsync(next));
    }

    [Fact]
    public async Task Who_reads_a_deleted_content_reads_on()
    {
        IContentStore store = Begin();
        byte[] bytes = LargeContents.Bytes(100_000);
        await MakeAsync(store, First, ContentPiece.Of(bytes));
        await using IContent content = await store.OpenAsync(First, default);
        Assert.True(await store.DeleteAsync(First, default));
        Assert.False(await store.DeleteAsync(First, default));
        byte[] read = new byte[bytes.Length];
        await content.ReadAsync(new[] { new ContentRange(0, read) }, default);
        Assert.Equal(bytes, read);
    }

    [Fact]
    public async Task Where_there_is_no_room_nothing_is_added_and_it_may_be_tried_again()
    {
        IContentStore store = Begin();
        await using IContentWriter writer = await store.CreateAsync(First, default);
        byte[] bytes = LargeContents.Bytes(100_000);
        await writer.AppendAsync(new[] { ContentPiece.Of(bytes) }, default);
        _disk.Space = new DiskSpace(1L << 40, 1 << 20);
        Assert.Equal(DiskFailure.NoSpace, (await Assert.ThrowsAsync<DiskException>(async () => await writer.AppendAsync(new[] { ContentPiece.Of(bytes) }, default))).Failure);
        (_disk.Space, _disk.WriteFailure) = (null, DiskFailure.NoSpace);
        await Assert.ThrowsAsync<DiskException>(async () => await writer.AppendAsync(new[] { ContentPiece.Of(bytes) }, default));
        Assert.Equal(bytes.Length, writer.LengthBytes);
        _disk.WriteFailure = null;
        await writer.AppendAsync(new[] { ContentPiece.Of(bytes) }, default);
        await writer.CompleteAsync(default);
        byte[] expected = [.. bytes, .. bytes];
        Assert.Equal(expected, await ReadAsync(store, First));
    }

    private FileContentStore Begin() => FileContentStore.Begin(_disk, new Room(_disk), DiskThreads.Inline);

    private static async Task MakeAsync(IContentStore store, ObjectId id, params ContentPiece[] pieces)
    {
        await using IContentWriter writer = await store.CreateAsync(id, default);
        await writer.AppendAsync(pieces, default);
        Assert.Equal(pieces.Sum(static piece => piece.LengthBytes), writer.LengthBytes);
        await writer.CompleteAsync(default);
    }

    private static async Task<byte[]> ReadAsync(IContentStore store, ObjectId id)
    {
        await using IContent content = await store.OpenAsync(id, default);
        byte[] bytes = new byte[content.LengthBytes];
        await content.ReadAsync(new[] { new ContentRange(0, bytes) }, default);
        return bytes;
    }

    private static async Task<List<ObjectId>> ListAsync(IContentStore store)
    {
        List<ObjectId> all = [];
        await foreach (IReadOnlyList<ObjectId> some in store.ListAsync(default))
            all.AddRange(some);
        return all;
    }

    private void AssertNothing() => Assert.Empty(Directory.GetFiles(_folder, "*", SearchOption.AllDirectories));
}
