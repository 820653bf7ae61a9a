using System.Text;
using Afs.Fuse;
using Afs.Venus.Cache;

namespace Afs.Vfs.Tests;

/// <summary>Files that are open while they are still being fetched: the daemon serves their reads, and holds back those of what isn't there.</summary>
public sealed class ArrivingFileTests
{
    [Fact]
    public async Task It_is_not_passed_through_as_long_as_somebody_has_it_open_and_is_afterwards()
    {
        using var vfs = new VfsFixture();
        vfs.Cache.Add("f", "content");
        var arrival = new FakeArrival();
        vfs.Cache.NextArrival = arrival;
        NodeId node = (await vfs.LookupAsync("f")).Node;
        OpenReply early = await vfs.OpenAsync(node);
        Assert.False(early.Flags.HasFlag(OpenReplyFlags.Passthrough));
        arrival.Finish(Failure.None);
        OpenReply second = await vfs.OpenAsync(node);
        Assert.False(second.Flags.HasFlag(OpenReplyFlags.Passthrough));
        await vfs.ReleaseAsync(early);
        await vfs.ReleaseAsync(second);
        Assert.True((await vfs.OpenAsync(node)).Flags.HasFlag(OpenReplyFlags.Passthrough));
    }

    [Fact]
    public async Task A_read_waits_for_its_bytes_and_no_longer()
    {
        using var vfs = new VfsFixture();
        vfs.Cache.Add("f", "content");
        var arrival = new FakeArrival { ArrivedBytes = 4 };
        vfs.Cache.NextArrival = arrival;
        OpenReply open = await vfs.OpenAsync((await vfs.LookupAsync("f")).Node);
        Assert.Equal("cont", await ReadAsync(vfs, open, 0, 4));
        ValueTask<FuseResult<int>> rest = vfs.FileSystem.Read(VfsFixture.Asker, default, open.Handle, 4, new byte[100]);
        Assert.False(rest.IsCompleted);
        arrival.Finish(Failure.None);
        Assert.Equal(3, (await rest).Value);
        Assert.Equal("ent", await ReadAsync(vfs, open, 4, 100));
    }

    [Fact]
    public async Task A_read_of_what_never_comes_fails()
    {
        using var vfs = new VfsFixture();
        vfs.Cache.Add("f", "content");
        var arrival = new FakeArrival();
        vfs.Cache.NextArrival = arrival;
        OpenReply open = await vfs.OpenAsync((await vfs.LookupAsync("f")).Node);
        ValueTask<FuseResult<int>> read = vfs.FileSystem.Read(VfsFixture.Asker, default, open.Handle, 0, new byte[100]);
        arrival.Finish(FailureKind.ContentDamaged);
        Assert.Equal(Errno.EIO, (await read).Error);
    }

    [Theory]
    [InlineData(7, true, true)]
    [InlineData(8, true, false)] // Too short for it to be worth while.
    [InlineData(7, false, false)] // The mount's pages are what later opens read.
    public async Task A_large_one_is_read_past_the_page_cache_of_the_mount(long minDirectBytes, bool passthrough, bool isDirect)
    {
        using var vfs = new VfsFixture(passthrough, options: new() { MinDirectBytes = minDirectBytes });
        vfs.Cache.Add("f", "content");
        vfs.Cache.NextArrival = new FakeArrival();
        OpenReply open = await vfs.OpenAsync((await vfs.LookupAsync("f")).Node);
        Assert.Equal(isDirect, open.Flags.HasFlag(OpenReplyFlags.DirectIo));
    }

    [Fact]
    public async Task Once_it_is_there_the_page_cache_serves_those_who_come_later()
    {
        using var vfs = new VfsFixture(options: new() { MinDirectBytes = 1 });
        vfs.Cache.Add("f", "content");
        var arrival = new FakeArrival();
        vfs.Cache.NextArrival = arrival;
        NodeId node = (await vfs.LookupAsync("f")).Node;
        await vfs.OpenAsync(node);
        arrival.Finish(Failure.None);
        Assert.False((await vfs.OpenAsync(node)).Flags.HasFlag(OpenReplyFlags.DirectIo));
    }

    [Theory]
    [InlineData(7, 128 << 10)]
    [InlineData(8, 4096)]
    public async Task Programs_are_told_to_read_a_large_file_by_larger_blocks(long minDirectBytes, uint blockSizeBytes)
    {
        using var vfs = new VfsFixture(options: new() { MinDirectBytes = minDirectBytes });
        vfs.Cache.Add("f", "content");
        Assert.Equal(blockSizeBytes, (await vfs.LookupAsync("f")).Attributes.BlockSizeBytes);
    }

    private static async Task<string> ReadAsync(VfsFixture vfs, OpenReply open, long offset, int count)
    {
        byte[] buffer = new byte[count];
        FuseResult<int> result = await vfs.FileSystem.Read(VfsFixture.Asker, default, open.Handle, offset, buffer);
        return Encoding.UTF8.GetString(buffer, 0, result.Value);
    }
}
