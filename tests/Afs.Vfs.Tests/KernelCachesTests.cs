using Afs.Fuse;
using Afs.Venus.Vfs;
using Afs.Wire;

namespace Afs.Vfs.Tests;

/// <summary>What the kernel may believe, and what it is told when a promise goes.</summary>
public sealed class KernelCachesTests
{
    /// <summary>A thread that waits in a system call that takes no directory's lock.</summary>
    private const uint ReadingThread = 77;

    private static readonly VfsOptions Telling = VfsFixture.PassingAll with { SeemsToRead = static caller => caller == ReadingThread };

    [Fact]
    public async Task A_broken_directory_takes_its_names_back_one_by_one()
    {
        using var vfs = new VfsFixture();
        vfs.Cache.Add("f", "text");
        EntryReply entry = await vfs.LookupAsync("f");
        await vfs.LookupAsync("none");
        Assert.True(entry.EntryTimeout > TimeSpan.FromHours(1));

        await vfs.Cache.BreakAsync(vfs.Cache.Root);

        Assert.Equal([(NodeId.Root, "f"), (NodeId.Root, "none")], vfs.Kernel.Expired.OrderBy(e => e.Name));
        Assert.Contains(NodeId.Root, vfs.Kernel.Invalidated);
        Assert.Equal(0, vfs.Kernel.Epoch);
        Assert.Equal(entry.Node, (await vfs.LookupAsync("f")).Node);
    }

    [Fact]
    public async Task A_name_that_was_never_given_to_keep_is_not_taken_back()
    {
        using var vfs = new VfsFixture();
        vfs.Cache.Add("f", "text");
        await vfs.LookupAsync("f");
        await vfs.Cache.BreakAsync(vfs.Cache.Root);

        Assert.Equal(TimeSpan.Zero, (await vfs.LookupAsync("f")).EntryTimeout);
        await vfs.Cache.BreakAsync(vfs.Cache.Root);

        Assert.Single(vfs.Kernel.Expired);
    }

    [Fact]
    public async Task A_break_is_over_when_the_kernel_has_been_told()
    {
        using var vfs = new VfsFixture();
        using var directoryLock = new ManualResetEventSlim();
        vfs.Cache.Add("f", "text");
        await vfs.LookupAsync("f");
        vfs.Kernel.Hold = directoryLock;

        Task told = vfs.Cache.BreakAsync(vfs.Cache.Root);
        await vfs.Kernel.ExpiryBegan.WaitAsync(TestContext.Current.CancellationToken);
        Task again = vfs.Cache.BreakAsync(vfs.Cache.Root);
        Assert.True(!told.IsCompleted && !again.IsCompleted || vfs.FileSystem.NamesHeld > 0);
        directoryLock.Set();

        await Task.WhenAll(told, again);
        Assert.Equal(0, vfs.Kernel.Epoch);
        Assert.Equal(0, vfs.FileSystem.NameCount);
    }

    [Fact]
    public async Task A_break_does_not_wait_for_a_directory_that_is_locked_and_who_walks_through_it_does()
    {
        using var vfs = new VfsFixture(options: Telling);
        using var directoryLock = new ManualResetEventSlim();
        vfs.Cache.Add("f", "text");
        await vfs.LookupAsync("f");
        vfs.Kernel.Hold = directoryLock;

        await vfs.Cache.BreakAsync(vfs.Cache.Root);
        Assert.Equal(2, vfs.Kernel.Invalidated.Count(static node => node == NodeId.Root));
        Task<FuseResult<AttributesReply>> walk = vfs.FileSystem.GetAttributes(VfsFixture.Asker with { Pid = ReadingThread }, NodeId.Root, null).AsTask();
        Assert.Equal(TimeSpan.Zero, (await vfs.FileSystem.SetAttributes(VfsFixture.Asker, NodeId.Root, default)).Value.AttributeTimeout);
        await Task.Delay(TimeSpan.FromMilliseconds(500), TestContext.Current.CancellationToken);
        Assert.False(walk.IsCompleted);
        directoryLock.Set();

        Assert.Equal(Errno.None, (await walk).Error);
        Assert.True((await vfs.FileSystem.GetAttributes(VfsFixture.Asker, NodeId.Root, null)).Value.AttributeTimeout > TimeSpan.FromHours(1));
        Assert.Equal((0, 0, 1), (vfs.Kernel.Epoch, vfs.FileSystem.NamesForced, vfs.FileSystem.NamesHeld));
    }

    [Fact]
    public async Task While_a_change_holds_the_lock_who_walks_through_it_waits_however_long_that_takes_and_can_be_killed()
    {
        using var vfs = new VfsFixture(options: Telling);
        using var directoryLock = new ManualResetEventSlim();
        vfs.Cache.Add("f", "text");
        await vfs.LookupAsync("f");
        Assert.Equal(Errno.ESTALE, (await vfs.FileSystem.MakeDirectory(VfsFixture.Asker, NodeId.Root, "d"u8, 0x1ED, 0)).Error);
        for (EntryReply entry = default; entry.EntryTimeout == TimeSpan.Zero; entry = await vfs.LookupAsync("f"))
            await Task.Delay(TimeSpan.FromMilliseconds(50), TestContext.Current.CancellationToken);
        vfs.Kernel.Hold = directoryLock;
        TaskCompletionSource server = vfs.Cache.HoldCreations();
        Task<FuseResult<EntryReply>> change = vfs.FileSystem.MakeDirectory(VfsFixture.Asker, NodeId.Root, "d"u8, 0x1ED, 0).AsTask();

        await vfs.Cache.BreakAsync(vfs.Cache.Root);
        using var killed = new CancellationTokenSource();
        Task<FuseResult<AttributesReply>> walk = vfs.FileSystem.GetAttributes(VfsFixture.Asker with { Pid = ReadingThread }, NodeId.Root, null).AsTask();
        Task<FuseResult<AttributesReply>> other = vfs.FileSystem.GetAttributes(VfsFixture.Asker with { Interrupted = killed.Token }, NodeId.Root, null).AsTask();
        await Task.Delay(TimeSpan.FromSeconds(1), TestContext.Current.CancellationToken);
        Assert.False(walk.IsCompleted || other.IsCompleted);
        killed.Cancel();
        Assert.Equal(Errno.EINTR, (await other).Error);
        directoryLock.Set();
        server.SetResult();
        Assert.True((await change).IsSuccess);

        Assert.Equal(Errno.None, (await walk).Error);
        Assert.Equal(0, vfs.Kernel.Epoch);
    }

    /// <summary>A change that took the lock before the directory was held asks for its attributes, and everybody waits for it.</summary>
    [Fact]
    public async Task Who_may_hold_the_lock_himself_is_sent_back_once_and_then_all_names_go()
    {
        using var vfs = new VfsFixture();
        using var directoryLock = new ManualResetEventSlim();
        vfs.Cache.Add("f", "text");
        await vfs.LookupAsync("f");
        vfs.Kernel.Hold = directoryLock;
        await vfs.Cache.BreakAsync(vfs.Cache.Root);

        FuseRequest unknown = VfsFixture.Asker with { Pid = 0 };
        Assert.Equal(Errno.ESTALE, (await vfs.FileSystem.GetAttributes(unknown, NodeId.Root, null)).Error);
        Assert.Equal((0, 0), (vfs.Kernel.Epoch, vfs.FileSystem.NamesForced));
        Assert.Equal(Errno.None, (await vfs.FileSystem.GetAttributes(unknown, NodeId.Root, null)).Error);
        Assert.Equal((1, 1), (vfs.Kernel.Epoch, vfs.FileSystem.NamesForced));
        directoryLock.Set();
    }

    [Fact]
    public async Task Who_changes_a_directory_keeps_no_names_of_it_and_is_sent_back_once_for_those_that_he_had()
    {
        using var vfs = new VfsFixture();
        vfs.Cache.Add("f", "text");
        await vfs.LookupAsync("f");

        Assert.Equal(Errno.ESTALE, (await vfs.FileSystem.MakeDirectory(VfsFixture.Asker, NodeId.Root, "d"u8, 0x1ED, 0)).Error);
        Assert.Equal([(NodeId.Root, "f")], vfs.Kernel.Expired);
        await vfs.LookupAsync("d");
        FuseResult<EntryReply> made = await vfs.FileSystem.MakeDirectory(VfsFixture.Asker, NodeId.Root, "d"u8, 0x1ED, 0);

        Assert.Equal(TimeSpan.Zero, made.Value.EntryTimeout);
        Assert.Equal(TimeSpan.Zero, (await vfs.LookupAsync("f")).EntryTimeout);
    }

    [Fact]
    public async Task Who_was_sent_back_is_not_sent_back_again_however_late_he_comes()
    {
        using var vfs = new VfsFixture();
        vfs.Cache.Add("f", "text");
        await vfs.LookupAsync("f");
        Assert.Equal(Errno.ESTALE, (await vfs.FileSystem.MakeDirectory(VfsFixture.Asker, NodeId.Root, "d"u8, 0x1ED, 0)).Error);
        for (EntryReply entry = default; entry.EntryTimeout == TimeSpan.Zero; entry = await vfs.LookupAsync("f"))
            await Task.Delay(TimeSpan.FromMilliseconds(50), TestContext.Current.CancellationToken);

        Assert.Equal(Errno.None, (await vfs.FileSystem.MakeDirectory(VfsFixture.Asker, NodeId.Root, "d"u8, 0x1ED, 0)).Error);
    }

    [Fact]
    public async Task Who_changes_a_directory_that_he_made_is_not_sent_back()
    {
        using var vfs = new VfsFixture();
        NodeId own = (await vfs.FileSystem.MakeDirectory(VfsFixture.Asker, NodeId.Root, "own"u8, 0x1ED, 0)).Value.Node;
        Fid fid = vfs.Cache.FidOf("own");
        await vfs.FileSystem.Lookup(VfsFixture.Asker, own, "a"u8);

        Assert.Equal(Errno.None, (await vfs.FileSystem.MakeDirectory(VfsFixture.Asker, own, "a"u8, 0x1ED, 0)).Error);
        await vfs.Cache.BreakAsync(fid);

        Assert.Equal([(own, "a")], vfs.Kernel.Expired);
    }

    [Fact]
    public async Task A_socket_is_made_at_once_since_bind_does_not_come_again()
    {
        using var vfs = new VfsFixture();
        vfs.Cache.Add("f", "text");
        await vfs.LookupAsync("f");

        Assert.Equal(Errno.None, (await vfs.FileSystem.MakeNode(VfsFixture.Asker, NodeId.Root, "s"u8, 0xC1ED, 0, 0)).Error);
    }

    [Fact]
    public async Task A_broken_file_that_nobody_has_open_costs_no_name()
    {
        using var vfs = new VfsFixture();
        Fid fid = vfs.Cache.Add("f", "text");
        EntryReply entry = await vfs.LookupAsync("f");

        await vfs.Cache.BreakAsync(fid);

        Assert.Equal([entry.Node], vfs.Kernel.Invalidated);
        Assert.Empty(vfs.Kernel.Expired);
    }

    [Fact]
    public async Task A_broken_file_that_is_open_must_be_looked_up_again_by_each_of_its_names()
    {
        using var vfs = new VfsFixture();
        Fid fid = vfs.Cache.Add("f", "text");
        vfs.Cache.AddLink("g", fid);
        vfs.Cache.Add("h", "other");
        await vfs.LookupAsync("h");
        await vfs.LookupAsync("g");
        await vfs.OpenAsync((await vfs.LookupAsync("f")).Node);

        await vfs.Cache.BreakAsync(fid);

        Assert.Equal([(NodeId.Root, "f"), (NodeId.Root, "g")], vfs.Kernel.Expired.OrderBy(e => e.Name));
        Assert.Equal(0, vfs.Kernel.Epoch);
    }

    [Fact]
    public async Task A_reply_that_the_kernel_has_not_read_yet_is_taken_back_too()
    {
        using var vfs = new VfsFixture();
        Fid fid = vfs.Cache.Add("f", "text");
        EntryReply entry = await vfs.LookupAsync("f");
        vfs.Kernel.Unknown.Add(entry.Node);

        await vfs.Cache.BreakAsync(fid);

        // Its directory's lock was waited for, under which the kernel takes the reply in; only then is it known there.
        Assert.Equal([(NodeId.Root, "f")], vfs.Kernel.Expired);
        Assert.True(vfs.Kernel.Invalidated.Count(n => n == entry.Node) > 1);
    }

    [Fact]
    public async Task A_break_of_what_the_kernel_does_not_know_tells_it_nothing()
    {
        using var vfs = new VfsFixture();
        Fid fid = vfs.Cache.Add("f", "text");

        await vfs.Cache.BreakAsync(fid);

        Assert.Empty(vfs.Kernel.Invalidated);
        Assert.Empty(vfs.Kernel.Expired);
    }

    [Fact]
    public async Task Older_kernels_get_names_for_one_use()
    {
        using var vfs = new VfsFixture(hasEpoch: false);
        vfs.Cache.Add("f", "text");

        Assert.Equal(TimeSpan.Zero, (await vfs.LookupAsync("f")).EntryTimeout);
        Assert.Equal(TimeSpan.Zero, (await vfs.LookupAsync("none")).EntryTimeout);
    }

    [Fact]
    public async Task A_name_that_is_moved_is_taken_back_in_its_new_place()
    {
        using var vfs = new VfsFixture();
        NodeId own = (await vfs.FileSystem.MakeDirectory(VfsFixture.Asker, NodeId.Root, "own"u8, 0x1ED, 0)).Value.Node;
        Fid fid = vfs.Cache.FidOf("own");
        vfs.Cache.AddTo(fid, "f");
        Assert.True((await vfs.FileSystem.Lookup(VfsFixture.Asker, own, "f"u8)).Value.EntryTimeout > TimeSpan.Zero);

        await vfs.FileSystem.Rename(VfsFixture.Asker, own, "f"u8, own, "g"u8, 0);
        await vfs.Cache.BreakAsync(fid);

        Assert.Contains((own, "g"), vfs.Kernel.Expired);
    }

    [Fact]
    public async Task A_name_that_is_moved_into_a_directory_without_a_promise_goes()
    {
        using var vfs = new VfsFixture();
        NodeId own = (await vfs.FileSystem.MakeDirectory(VfsFixture.Asker, NodeId.Root, "own"u8, 0x1ED, 0)).Value.Node;
        vfs.Cache.AddTo(vfs.Cache.FidOf("own"), "f");
        await vfs.FileSystem.Lookup(VfsFixture.Asker, own, "f"u8);
        vfs.Cache.LosePromise(vfs.Cache.Root);

        await vfs.FileSystem.Rename(VfsFixture.Asker, own, "f"u8, NodeId.Root, "g"u8, 0);
        await vfs.Kernel.ExpiryBegan.WaitAsync(TestContext.Current.CancellationToken);

        Assert.Contains((NodeId.Root, "g"), vfs.Kernel.Expired);
    }

    [Fact]
    public async Task Of_names_beyond_the_bound_the_oldest_go()
    {
        using var vfs = new VfsFixture();
        for (int i = 0; i <= KernelNamesBound; i++)
            await vfs.FileSystem.Lookup(VfsFixture.Asker, NodeId.Root, System.Text.Encoding.ASCII.GetBytes($"none{i}"));

        await vfs.Kernel.ExpiryBegan.WaitAsync(TestContext.Current.CancellationToken);
        Assert.InRange(vfs.FileSystem.NameCount, 0, KernelNamesBound);
    }

    private const int KernelNamesBound = 1 << 18;

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
