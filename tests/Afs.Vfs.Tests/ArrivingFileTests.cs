using System.Text;
using Afs.Fuse;
using Afs.Venus.Cache;

namespace Afs.Vfs.Tests;

/// <summary>Files that are open while they are still being fetched: the daemon serves their reads, and holds back those of what isn't there.</summary>
public sealed class ArrivingFileTests
{
    /// <summary>What stays behind a reader at least, and what goes at a time.</summary>
    private const long LagBytes = 16 << 20, StepBytes = 8 << 20;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

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

    [Fact]
    public async Task What_a_reader_passed_leaves_the_page_cache_of_the_mount_in_order()
    {
        using var vfs = new VfsFixture();
        (NodeId node, OpenReply open) = await OpenArrivedAsync(vfs);
        await ReadToAsync(vfs, open, 0, LagBytes + StepBytes - 1);
        Assert.False(vfs.Kernel.Dropped.TryRead(out _));
        await ReadToAsync(vfs, open, LagBytes + StepBytes - 1, LagBytes + 2 * StepBytes);
        DroppedPages[] dropped = [await NextDroppedAsync(vfs), await NextDroppedAsync(vfs)];
        Assert.Equal([new(node, 0, StepBytes), new(node, StepBytes, StepBytes)], dropped.OrderBy(static d => d.OffsetBytes));
    }

    [Fact]
    public async Task Who_reads_here_and_there_keeps_what_he_read_in_the_page_cache()
    {
        using var vfs = new VfsFixture();
        (_, OpenReply open) = await OpenArrivedAsync(vfs);
        for (long offset = 1L << 30; offset > 0; offset -= 10 << 20)
            await ReadToAsync(vfs, open, offset, offset + 4096);
        Assert.False(vfs.Kernel.Dropped.TryRead(out _));
    }

    [Fact]
    public async Task Without_passthrough_the_page_cache_of_the_mount_keeps_all()
    {
        using var vfs = new VfsFixture(passthrough: false);
        (_, OpenReply open) = await OpenArrivedAsync(vfs);
        await ReadToAsync(vfs, open, 0, LagBytes + 4 * StepBytes);
        Assert.False(vfs.Kernel.Dropped.TryRead(out _));
    }

    private static Task<DroppedPages> NextDroppedAsync(VfsFixture vfs) =>
        vfs.Kernel.Dropped.ReadAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(Patience, TestContext.Current.CancellationToken);

    private static async Task<(NodeId Node, OpenReply Open)> OpenArrivedAsync(VfsFixture vfs)
    {
        vfs.Cache.Add("f", "content");
        var arrival = new FakeArrival();
        vfs.Cache.NextArrival = arrival;
        NodeId node = (await vfs.LookupAsync("f")).Node;
        OpenReply open = await vfs.OpenAsync(node);
        arrival.Finish(Failure.None);
        return (node, open);
    }

    /// <summary>As the kernel asks for it: at most one MiB at a time.</summary>
    private static async Task ReadToAsync(VfsFixture vfs, OpenReply open, long offset, long end)
    {
        byte[] buffer = new byte[1 << 20];
        for (; offset < end; offset += buffer.Length)
            await vfs.FileSystem.Read(VfsFixture.Asker, default, open.Handle, offset, buffer.AsMemory(0, (int)Math.Min(buffer.Length, end - offset)));
    }

    private static async Task<string> ReadAsync(VfsFixture vfs, OpenReply open, long offset, int count)
    {
        byte[] buffer = new byte[count];
        FuseResult<int> result = await vfs.FileSystem.Read(VfsFixture.Asker, default, open.Handle, offset, buffer);
        return Encoding.UTF8.GetString(buffer, 0, result.Value);
    }
}
