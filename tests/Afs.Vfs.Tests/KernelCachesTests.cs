using Afs.Fuse;
using Afs.Wire;

namespace Afs.Vfs.Tests;

/// <summary>What the kernel may believe, and what it is told when a promise goes.</summary>
public sealed class KernelCachesTests
{
    [Fact]
    public async Task A_broken_directory_takes_all_names_back()
    {
        using var vfs = new VfsFixture();
        vfs.Cache.Add("f", "text");
        EntryReply entry = await vfs.LookupAsync("f");
        Assert.True(entry.EntryTimeout > TimeSpan.FromHours(1));

        await vfs.Cache.BreakAsync(vfs.Cache.Root);

        Assert.Equal(1, vfs.Kernel.Epoch);
        Assert.Contains(NodeId.Root, vfs.Kernel.Invalidated);
    }

    [Fact]
    public async Task A_broken_file_that_nobody_has_open_costs_no_name()
    {
        using var vfs = new VfsFixture();
        Fid fid = vfs.Cache.Add("f", "text");
        EntryReply entry = await vfs.LookupAsync("f");

        await vfs.Cache.BreakAsync(fid);

        Assert.Equal([entry.Node], vfs.Kernel.Invalidated);
        Assert.Equal(0, vfs.Kernel.Epoch);
    }

    [Fact]
    public async Task A_broken_file_that_is_open_must_be_looked_up_again()
    {
        using var vfs = new VfsFixture();
        Fid fid = vfs.Cache.Add("f", "text");
        await vfs.OpenAsync((await vfs.LookupAsync("f")).Node);

        await vfs.Cache.BreakAsync(fid);

        Assert.Equal(1, vfs.Kernel.Epoch);
    }

    [Fact]
    public async Task A_reply_that_the_kernel_has_not_read_yet_is_taken_back_too()
    {
        using var vfs = new VfsFixture();
        Fid fid = vfs.Cache.Add("f", "text");
        EntryReply entry = await vfs.LookupAsync("f");
        vfs.Kernel.Unknown.Add(entry.Node);

        await vfs.Cache.BreakAsync(fid);

        Assert.Equal(1, vfs.Kernel.Epoch);
    }

    [Fact]
    public async Task A_break_of_what_the_kernel_does_not_know_tells_it_nothing()
    {
        using var vfs = new VfsFixture();
        Fid fid = vfs.Cache.Add("f", "text");

        await vfs.Cache.BreakAsync(fid);

        Assert.Empty(vfs.Kernel.Invalidated);
        Assert.Equal(0, vfs.Kernel.Epoch);
    }

    [Fact]
    public async Task Without_the_epoch_of_newer_kernels_names_are_given_for_one_use()
    {
        using var vfs = new VfsFixture(hasEpoch: false);
        vfs.Cache.Add("f", "text");

        Assert.Equal(TimeSpan.Zero, (await vfs.LookupAsync("f")).EntryTimeout);
        Assert.Equal(TimeSpan.Zero, (await vfs.LookupAsync("none")).EntryTimeout);
    }

    [Fact]
    public async Task A_rename_into_a_directory_without_a_promise_takes_names_back()
    {
        using var vfs = new VfsFixture();
        vfs.Cache.Add("f", "text");
        await vfs.LookupAsync("f");
        await vfs.Cache.BreakAsync(vfs.Cache.Root);

        await vfs.FileSystem.Rename(VfsFixture.Asker, NodeId.Root, "f"u8, NodeId.Root, "g"u8, 0);

        Assert.Equal(2, vfs.Kernel.Epoch);
    }

    [Fact]
    public async Task Nodes_retain_their_fid_until_the_kernel_forgets_them()
    {
        using var vfs = new VfsFixture();
        Fid fid = vfs.Cache.Add("f", "text");
        NodeId node = (await vfs.LookupAsync("f")).Node;
        Assert.Equal(node, (await vfs.LookupAsync("f")).Node);

        vfs.FileSystem.Forget(node, 1);
        Assert.Equal(1, vfs.Cache.Retained[fid]);
        vfs.FileSystem.Forget(node, 1);

        Assert.Equal(0, vfs.Cache.Retained[fid]);
        Assert.NotEqual(node, (await vfs.LookupAsync("f")).Node);
    }
}
