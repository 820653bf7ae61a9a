using Afs.Fuse;
using Afs.Venus.Vfs;
using Afs.Wire;

namespace Afs.Vfs.Tests;

/// <summary>Small files that nobody can write are read by the daemon, into pages which the kernel keeps exactly as long as they are the content.</summary>
public sealed class ServedFileTests
{
    private static readonly VfsOptions UpTo4Bytes = new() { MaxServedBytes = 4 };

    [Fact]
    public async Task A_small_file_is_served_and_a_larger_one_passed_through()
    {
        using var vfs = new VfsFixture(options: UpTo4Bytes);
        vfs.Cache.Add("small", "1234");
        vfs.Cache.Add("larger", "12345");
        OpenReply small = await vfs.OpenAsync((await vfs.LookupAsync("small")).Node);
        OpenReply larger = await vfs.OpenAsync((await vfs.LookupAsync("larger")).Node);
        Assert.True(small.Backing.IsNone);
        Assert.Equal("1234", await vfs.ReadAsync(small));
        Assert.Equal([larger.Backing], vfs.Kernel.OpenBackings);
    }

    [Fact]
    public async Task Its_pages_are_kept_once_they_were_read_and_its_file_needs_not_be_opened()
    {
        using var vfs = new VfsFixture(options: UpTo4Bytes);
        (_, NodeId node) = await AddAsync(vfs);
        OpenReply unread = await vfs.OpenAsync(node);
        Assert.False(Keeps(unread));
        OpenReply alsoUnread = await vfs.OpenAsync(node);
        Assert.False(Keeps(alsoUnread)); // The kernel may hear of this open first.
        await vfs.ReadAsync(unread);
        Assert.True(Keeps(await vfs.OpenAsync(node)));
        Assert.True(vfs.Cache.WasProven);
    }

    [Fact]
    public async Task An_open_that_never_reached_the_kernel_dropped_no_pages()
    {
        using var vfs = new VfsFixture(options: UpTo4Bytes);
        (_, NodeId node) = await AddAsync(vfs);
        await vfs.ReleaseAsync(await vfs.OpenAsync(node));
        Assert.False(Keeps(await vfs.OpenAsync(node)));
    }

    [Fact]
    public async Task What_was_written_past_the_pages_is_read_again()
    {
        using var vfs = new VfsFixture(options: UpTo4Bytes);
        (Fid fid, NodeId node) = await AddAsync(vfs);
        await ReadOnceAsync(vfs, node);

        OpenReply writer = await vfs.OpenAsync(node, VfsFixture.ReadWrite);
        Assert.True(writer.Flags.HasFlag(OpenReplyFlags.Passthrough));
        await vfs.WriteAsync(writer, "abcd");
        await vfs.FileSystem.Flush(VfsFixture.Asker, node, writer.Handle, 0);
        await vfs.ReleaseAsync(writer);

        vfs.Cache.FileOf(fid)!.MayBeMapped = true;
        OpenReply mapped = await vfs.OpenAsync(node);
        Assert.True(mapped.Flags.HasFlag(OpenReplyFlags.Passthrough));
        await vfs.ReleaseAsync(mapped);

        vfs.Cache.FileOf(fid)!.MayBeMapped = false;
        OpenReply settled = await vfs.OpenAsync(node);
        Assert.True(settled.Backing.IsNone);
        Assert.False(Keeps(settled));
        Assert.Equal("abcd", await vfs.ReadAsync(settled));
        Assert.True(Keeps(await vfs.OpenAsync(node)));
        Assert.Empty(vfs.Kernel.OpenBackings);
    }

    [Fact]
    public async Task Who_writes_while_it_is_read_writes_through_the_same_pages()
    {
        using var vfs = new VfsFixture(options: UpTo4Bytes);
        (_, NodeId node) = await AddAsync(vfs);
        OpenReply reader = await vfs.OpenAsync(node);
        await vfs.ReadAsync(reader);
        OpenReply writer = await vfs.OpenAsync(node, VfsFixture.ReadWrite);
        Assert.True(writer.Backing.IsNone);
        Assert.True(Keeps(writer));
        await vfs.ReleaseAsync(writer);
        await vfs.ReleaseAsync(reader);
    }

    [Fact]
    public async Task Another_version_is_read_again()
    {
        using var vfs = new VfsFixture(options: UpTo4Bytes);
        (Fid fid, NodeId node) = await AddAsync(vfs);
        await ReadOnceAsync(vfs, node);
        vfs.Cache.StoreByOther(fid, "abc");
        await vfs.Cache.BreakAsync(fid);
        OpenReply fresh = await vfs.OpenAsync(node);
        Assert.False(Keeps(fresh));
        Assert.Equal("abc", await vfs.ReadAsync(fresh));
    }

    [Fact]
    public async Task A_container_that_can_not_be_opened_is_not_trusted_any_more()
    {
        using var vfs = new VfsFixture(options: UpTo4Bytes);
        (Fid fid, NodeId node) = await AddAsync(vfs);
        await ReadOnceAsync(vfs, node);
        OpenReply open = await vfs.OpenAsync(node);
        vfs.Cache.FileOf(fid)!.IsLost = true;
        await Assert.ThrowsAsync<Afs.Platform.DiskException>(() => vfs.ReadAsync(open));
        vfs.Cache.FileOf(fid)!.IsLost = false;
        await vfs.OpenAsync(node);
        Assert.False(vfs.Cache.WasProven);
    }

    private static bool Keeps(OpenReply open) => open.Flags.HasFlag(OpenReplyFlags.KeepCache);

    private static async Task<(Fid Fid, NodeId Node)> AddAsync(VfsFixture vfs)
    {
        Fid fid = vfs.Cache.Add("f", "1234");
        return (fid, (await vfs.LookupAsync("f")).Node);
    }

    private static async Task ReadOnceAsync(VfsFixture vfs, NodeId node)
    {
        OpenReply open = await vfs.OpenAsync(node);
        await vfs.ReadAsync(open);
        await vfs.ReleaseAsync(open);
    }
}
