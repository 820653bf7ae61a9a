using Afs.Fuse;
using Afs.Wire;

namespace Afs.Vfs.Tests;

/// <summary>Which node, container and backing file an open gets, before and after breaks.</summary>
public sealed class OpenFileTests
{
    [Fact]
    public async Task A_reader_keeps_its_version_and_the_next_open_gets_the_new_one_by_another_node()
    {
        using var vfs = new VfsFixture();
        Fid fid = vfs.Cache.Add("f", "old");
        EntryReply entry = await vfs.LookupAsync("f");
        OpenReply reader = await vfs.OpenAsync(entry.Node);

        vfs.Cache.StoreByOther(fid, "newer");
        await vfs.Cache.BreakAsync(fid);

        Assert.Equal("old", await vfs.ReadAsync(reader));
        Assert.Equal(3UL, (await vfs.StatAsync(entry.Node)).Attributes.SizeBytes);
        EntryReply again = await vfs.LookupAsync("f");
        Assert.NotEqual(entry.Node, again.Node);
        Assert.Equal(entry.Attributes.Ino, again.Attributes.Ino);
        Assert.Equal(5UL, again.Attributes.SizeBytes);
        OpenReply fresh = await vfs.OpenAsync(again.Node);
        Assert.Equal("newer", await vfs.ReadAsync(fresh));
        Assert.Equal("old", await vfs.ReadAsync(reader));
    }

    [Fact]
    public async Task A_node_that_is_open_at_an_old_version_is_read_at_that_and_written_by_its_name()
    {
        using var vfs = new VfsFixture();
        Fid fid = vfs.Cache.Add("f", "old");
        EntryReply entry = await vfs.LookupAsync("f");
        await vfs.OpenAsync(entry.Node);
        vfs.Cache.StoreByOther(fid, "newer");
        await vfs.Cache.BreakAsync(fid);

        OpenReply byDescriptor = await vfs.OpenAsync(entry.Node);
        Assert.Equal("old", await vfs.ReadAsync(byDescriptor));
        await vfs.ReleaseAsync(byDescriptor);
        Assert.Equal(Errno.ESTALE, await vfs.OpenErrorAsync(entry.Node, VfsFixture.WriteOnly));

        EntryReply again = await vfs.LookupAsync("f");
        Assert.Equal("newer", await vfs.ReadAsync(await vfs.OpenAsync(again.Node)));
    }

    /// <summary>The kernel sent its RELEASE before, and the thread that has it is late.</summary>
    [Theory]
    [InlineData(VfsFixture.WriteOnly)]
    [InlineData(VfsFixture.ReadOnly)]
    public async Task A_node_whose_last_release_is_on_its_way_is_opened_and_shown_at_the_new_version(int heldFlags)
    {
        using var vfs = new VfsFixture();
        Fid fid = vfs.Cache.Add("f", "old");
        EntryReply entry = await vfs.LookupAsync("f");
        OpenReply closed = await vfs.OpenAsync(entry.Node, heldFlags);
        vfs.Cache.StoreByOther(fid, "newer");
        await vfs.Cache.BreakAsync(fid);
        OpenReply? late = closed;
        vfs.Kernel.OnReleasesAwaited = () =>
        {
            if (late is { } release)
                vfs.ReleaseAsync(release).Wait();
            late = null;
        };

        Assert.Equal(5UL, (await vfs.StatAsync(entry.Node)).Attributes.SizeBytes);
        Assert.Null(late);
        late = await vfs.OpenAsync(entry.Node, heldFlags);
        vfs.Cache.StoreByOther(fid, "newest");
        await vfs.Cache.BreakAsync(fid);
        Assert.Equal("newest", await vfs.ReadAsync(await vfs.OpenAsync(entry.Node)));
        Assert.Null(late);
    }

    [Fact]
    public async Task What_a_repeated_lookup_fetched_is_held_no_longer_than_the_open_that_it_was_fetched_for()
    {
        using var vfs = new VfsFixture();
        Fid fid = vfs.Cache.Add("f", "old");
        EntryReply entry = await vfs.LookupAsync("f");
        OpenReply held = await vfs.OpenAsync(entry.Node);
        vfs.Cache.StoreByOther(fid, "newer");
        await vfs.Cache.BreakAsync(fid);
        Assert.Equal(Errno.ESTALE, await vfs.OpenErrorAsync(entry.Node, VfsFixture.WriteOnly));

        EntryReply again = await vfs.LookupAsync("f");
        Assert.Equal(1, vfs.Cache.FileOf(fid)!.Uses);
        OpenReply fresh = await vfs.OpenAsync(again.Node);
        await vfs.ReleaseAsync(fresh);
        await vfs.ReleaseAsync(held);

        Assert.Equal(0, vfs.Cache.FileOf(fid)!.Uses);
    }

    [Fact]
    public async Task What_is_open_and_gone_at_the_server_can_be_opened_again()
    {
        using var vfs = new VfsFixture();
        Fid fid = vfs.Cache.Add("f", "text");
        EntryReply entry = await vfs.LookupAsync("f");
        await vfs.OpenAsync(entry.Node);
        vfs.Cache.RemoveByOther("f");
        await vfs.Cache.BreakAsync(fid, vfs.Cache.Root);

        Assert.Equal("text", await vfs.ReadAsync(await vfs.OpenAsync(entry.Node)));
    }

    [Fact]
    public async Task A_node_that_nobody_has_open_is_rebound_and_its_attributes_taken_back_first()
    {
        using var vfs = new VfsFixture();
        Fid fid = vfs.Cache.Add("f", "old");
        EntryReply entry = await vfs.LookupAsync("f");
        OpenReply first = await vfs.OpenAsync(entry.Node);
        await vfs.ReleaseAsync(first);
        vfs.Cache.StoreByOther(fid, "newer");
        await vfs.Cache.BreakAsync(fid);
        vfs.Kernel.Invalidated.Clear();

        OpenReply second = await vfs.OpenAsync(entry.Node);

        Assert.Equal("newer", await vfs.ReadAsync(second));
        Assert.Contains(entry.Node, vfs.Kernel.Invalidated);
        Assert.NotEqual(first.Backing, second.Backing);
        Assert.DoesNotContain(first.Backing, vfs.Kernel.OpenBackings);
    }

    [Fact]
    public async Task All_opens_of_a_node_have_one_backing_file_which_is_kept_while_nobody_has_it_open()
    {
        using var vfs = new VfsFixture();
        vfs.Cache.Add("f", "text");
        NodeId node = (await vfs.LookupAsync("f")).Node;

        OpenReply one = await vfs.OpenAsync(node);
        OpenReply two = await vfs.OpenAsync(node, VfsFixture.ReadWrite);
        await vfs.ReleaseAsync(one);
        await vfs.ReleaseAsync(two);
        OpenReply three = await vfs.OpenAsync(node);

        Assert.Equal(one.Backing, two.Backing);
        Assert.Equal(one.Backing, three.Backing);
        Assert.Equal([one.Backing], vfs.Kernel.OpenBackings);
    }

    [Fact]
    public async Task Idle_backing_files_are_bounded_and_go_with_their_node()
    {
        using var vfs = new VfsFixture(options: VfsFixture.PassingAll with { MaxIdleBackings = 2 });
        var nodes = new List<NodeId>();
        for (int i = 0; i < 5; i++)
        {
            vfs.Cache.Add($"f{i}", "text");
            nodes.Add((await vfs.LookupAsync($"f{i}")).Node);
            await vfs.ReleaseAsync(await vfs.OpenAsync(nodes[i]));
        }

        Assert.Equal(2, vfs.Kernel.OpenBackings.Count);
        nodes.ForEach(n => vfs.FileSystem.Forget(n, 1));
        Assert.Empty(vfs.Kernel.OpenBackings);
    }

    [Fact]
    public async Task Opening_one_file_often_costs_no_other_its_backing_file()
    {
        using var vfs = new VfsFixture(options: VfsFixture.PassingAll with { MaxIdleBackings = 2 });
        vfs.Cache.Add("often", "text");
        vfs.Cache.Add("once", "text");
        NodeId often = (await vfs.LookupAsync("often")).Node;
        await vfs.ReleaseAsync(await vfs.OpenAsync((await vfs.LookupAsync("once")).Node));

        for (int i = 0; i < 10; i++)
            await vfs.ReleaseAsync(await vfs.OpenAsync(often));

        Assert.Equal(2, vfs.Kernel.OpenBackings.Count);
    }

    [Fact]
    public async Task A_large_container_is_not_kept_registered()
    {
        using var vfs = new VfsFixture(options: VfsFixture.PassingAll with { MaxIdleBackingBytes = 3 });
        vfs.Cache.Add("f", "long text");
        NodeId node = (await vfs.LookupAsync("f")).Node;

        await vfs.ReleaseAsync(await vfs.OpenAsync(node));

        Assert.Empty(vfs.Kernel.OpenBackings);
    }

    [Fact]
    public async Task Where_the_kernel_refuses_a_backing_file_the_daemon_serves_all_opens_of_the_node()
    {
        using var vfs = new VfsFixture();
        vfs.Cache.Add("f", "text");
        NodeId node = (await vfs.LookupAsync("f")).Node;
        vfs.Kernel.BackingError = Errno.ELOOP;
        OpenReply plain = await vfs.OpenAsync(node);
        vfs.Kernel.BackingError = Errno.None;
        OpenReply also = await vfs.OpenAsync(node);

        Assert.False(plain.Flags.HasFlag(OpenReplyFlags.Passthrough));
        Assert.False(also.Flags.HasFlag(OpenReplyFlags.Passthrough));
        await vfs.ReleaseAsync(plain);
        await vfs.ReleaseAsync(also);
        Assert.True((await vfs.OpenAsync(node)).Flags.HasFlag(OpenReplyFlags.Passthrough));
    }

    [Fact]
    public async Task In_daemon_mode_the_kernel_keeps_the_content_of_the_same_version_only()
    {
        using var vfs = new VfsFixture(passthrough: false);
        Fid fid = vfs.Cache.Add("f", "old");
        NodeId node = (await vfs.LookupAsync("f")).Node;

        OpenReply first = await vfs.OpenAsync(node);
        await vfs.ReadAsync(first);
        OpenReply second = await vfs.OpenAsync(node);
        await vfs.ReleaseAsync(first);
        await vfs.ReleaseAsync(second);
        vfs.Cache.StoreByOther(fid, "newer");
        await vfs.Cache.BreakAsync(fid);
        OpenReply third = await vfs.OpenAsync(node);

        Assert.False(first.Flags.HasFlag(OpenReplyFlags.KeepCache));
        Assert.True(second.Flags.HasFlag(OpenReplyFlags.KeepCache));
        Assert.False(third.Flags.HasFlag(OpenReplyFlags.KeepCache));
    }

    [Fact]
    public async Task A_warm_open_makes_no_call_and_wants_no_flush()
    {
        using var vfs = new VfsFixture();
        vfs.Cache.Add("f", "text");
        NodeId node = (await vfs.LookupAsync("f")).Node;
        await vfs.ReleaseAsync(await vfs.OpenAsync(node));
        int before = vfs.Cache.Calls;

        ValueTask<FuseResult<OpenReply>> warm = vfs.FileSystem.Open(VfsFixture.Asker, node, VfsFixture.ReadOnly, killSuidGid: false);

        Assert.True(warm.IsCompletedSuccessfully);
        Assert.True((await warm).Value.Flags.HasFlag(OpenReplyFlags.NoFlush));
        Assert.Equal(before, vfs.Cache.Calls);
    }

    [Fact]
    public async Task What_is_written_is_stored_at_flush_and_seen_by_stat_before()
    {
        using var vfs = new VfsFixture(passthrough: false);
        Fid fid = vfs.Cache.Add("f", "");
        NodeId node = (await vfs.LookupAsync("f")).Node;
        OpenReply writer = await vfs.OpenAsync(node, VfsFixture.WriteOnly);
        await vfs.WriteAsync(writer, "written");

        AttributesReply during = await vfs.StatAsync(node);
        Errno flushed = await vfs.FileSystem.Flush(VfsFixture.Asker, node, writer.Handle, 0);

        Assert.Equal(7UL, during.Attributes.SizeBytes);
        Assert.Equal(TimeSpan.Zero, during.AttributeTimeout);
        Assert.Equal(Errno.None, flushed);
        Assert.Equal("written", vfs.Cache.ContentOf(fid));
    }

    [Fact]
    public async Task A_failed_store_is_the_errno_of_close()
    {
        using var vfs = new VfsFixture();
        vfs.Cache.Add("f", "");
        NodeId node = (await vfs.LookupAsync("f")).Node;
        OpenReply writer = await vfs.OpenAsync(node, VfsFixture.WriteOnly);
        vfs.Cache.StoreFailure = AbortCodes.OverQuota;

        Assert.Equal(Errno.EDQUOT, await vfs.FileSystem.Flush(VfsFixture.Asker, node, writer.Handle, 0));
    }

    [Fact]
    public async Task An_fsync_by_a_reader_stores_what_another_process_wrote()
    {
        using var vfs = new VfsFixture(passthrough: false);
        Fid fid = vfs.Cache.Add("f", "");
        NodeId node = (await vfs.LookupAsync("f")).Node;
        OpenReply writer = await vfs.OpenAsync(node, VfsFixture.WriteOnly), reader = await vfs.OpenAsync(node);
        await vfs.WriteAsync(writer, "written");

        Errno synced = await vfs.FileSystem.Fsync(VfsFixture.Asker, node, reader.Handle, dataOnly: false);

        Assert.Equal(Errno.None, synced);
        Assert.Equal("written", vfs.Cache.ContentOf(fid));
    }

    [Fact]
    public async Task An_fsync_by_a_reader_tells_that_the_store_failed()
    {
        using var vfs = new VfsFixture();
        vfs.Cache.Add("f", "");
        NodeId node = (await vfs.LookupAsync("f")).Node;
        await vfs.OpenAsync(node, VfsFixture.WriteOnly);
        OpenReply reader = await vfs.OpenAsync(node);
        vfs.Cache.StoreFailure = AbortCodes.OverQuota;

        Assert.Equal(Errno.EDQUOT, await vfs.FileSystem.Fsync(VfsFixture.Asker, node, reader.Handle, dataOnly: true));
    }

    [Fact]
    public async Task An_fsync_of_what_nobody_can_have_changed_stores_nothing()
    {
        using var vfs = new VfsFixture();
        Fid fid = vfs.Cache.Add("f", "text");
        NodeId node = (await vfs.LookupAsync("f")).Node;
        OpenReply reader = await vfs.OpenAsync(node);

        Assert.Equal(Errno.None, await vfs.FileSystem.Fsync(VfsFixture.Asker, node, reader.Handle, dataOnly: false));

        Assert.Equal(0, vfs.Cache.FileOf(fid)!.Stores);
    }

    [Fact]
    public async Task A_reader_does_not_store_at_flush()
    {
        using var vfs = new VfsFixture();
        Fid fid = vfs.Cache.Add("f", "text");
        OpenReply reader = await vfs.OpenAsync((await vfs.LookupAsync("f")).Node);

        await vfs.FileSystem.Flush(VfsFixture.Asker, default, reader.Handle, 0);

        Assert.Equal(0, vfs.Cache.FileOf(fid)!.Stores);
    }

    [Fact]
    public async Task A_file_open_for_writing_here_keeps_its_node_across_a_break()
    {
        using var vfs = new VfsFixture(passthrough: false);
        Fid fid = vfs.Cache.Add("f", "old");
        EntryReply entry = await vfs.LookupAsync("f");
        OpenReply writer = await vfs.OpenAsync(entry.Node, VfsFixture.ReadWrite);
        vfs.Cache.StoreByOther(fid, "of another");
        await vfs.Cache.BreakAsync(fid);

        EntryReply again = await vfs.LookupAsync("f");
        OpenReply reader = await vfs.OpenAsync(again.Node);

        Assert.Equal(entry.Node, again.Node);
        Assert.Equal("old", await vfs.ReadAsync(reader));
        await vfs.ReleaseAsync(writer);
    }

    [Fact]
    public async Task Release_lets_the_container_go_and_a_released_handle_is_dead()
    {
        using var vfs = new VfsFixture(passthrough: false);
        Fid fid = vfs.Cache.Add("f", "text");
        OpenReply open = await vfs.OpenAsync((await vfs.LookupAsync("f")).Node);

        await vfs.ReleaseAsync(open);

        Assert.Equal(0, vfs.Cache.FileOf(fid)!.Uses);
        Assert.Equal(Errno.EBADF, (await vfs.FileSystem.Read(VfsFixture.Asker, default, open.Handle, 0, new byte[1])).Error);
    }

    [Fact]
    public async Task The_end_of_the_mount_lets_all_containers_go()
    {
        using var vfs = new VfsFixture();
        Fid fid = vfs.Cache.Add("f", "text");
        await vfs.OpenAsync((await vfs.LookupAsync("f")).Node);

        vfs.FileSystem.Stopped();

        Assert.Equal(0, vfs.Cache.FileOf(fid)!.Uses);
    }
}
