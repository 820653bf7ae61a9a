using System.Text;
using Afs.Fuse;
using Afs.Wire;

namespace Afs.Vfs.Tests;

/// <summary>Operations on names.</summary>
public sealed class NameTests
{
    [Fact]
    public async Task An_absent_name_is_cached_as_absent()
    {
        using var vfs = new VfsFixture();

        EntryReply reply = await vfs.LookupAsync("none");

        Assert.Equal(default, reply.Node);
        Assert.True(reply.EntryTimeout > TimeSpan.FromHours(1));
    }

    [Fact]
    public async Task A_warm_lookup_completes_on_the_thread_that_asked()
    {
        using var vfs = new VfsFixture();
        vfs.Cache.Add("f", "text");
        await vfs.LookupAsync("f");
        int before = vfs.Cache.Calls;

        ValueTask<FuseResult<EntryReply>> warm = vfs.FileSystem.Lookup(VfsFixture.Asker, NodeId.Root, "f"u8);

        Assert.True(warm.IsCompletedSuccessfully);
        Assert.Equal(before, vfs.Cache.Calls);
    }

    [Fact]
    public async Task Names_are_bytes_and_have_255_of_them_at_most()
    {
        using var vfs = new VfsFixture();
        vfs.Cache.Add("\u00ff\u00fe", "text");

        Assert.NotEqual(default, (await vfs.LookupAsync("\u00ff\u00fe")).Node);
        Assert.Equal(default, (await vfs.LookupAsync(new string('x', 255))).Node);
        FuseResult<EntryReply> tooLong = await vfs.FileSystem.Lookup(VfsFixture.Asker, NodeId.Root, Encoding.Latin1.GetBytes(new string('x', 256)));
        Assert.Equal(Errno.ENAMETOOLONG, tooLong.Error);
    }

    [Fact]
    public async Task A_name_that_another_client_removes_is_absent_once_the_break_came()
    {
        using var vfs = new VfsFixture();
        vfs.Cache.Add("f", "text");
        await vfs.LookupAsync("f");
        vfs.Cache.RemoveByOther("f");
        await vfs.Cache.BreakAsync(vfs.Cache.Root);

        Assert.Equal(default, (await vfs.LookupAsync("f")).Node);
    }

    [Fact]
    public async Task A_created_file_belongs_to_the_caller_and_has_the_umask_taken_off()
    {
        using var vfs = new VfsFixture();
        NodeId own = (await vfs.FileSystem.MakeDirectory(VfsFixture.Asker, NodeId.Root, "own"u8, 0x1ED, 0)).Value.Node;

        FuseResult<Afs.Fuse.CreateReply> reply = await vfs.FileSystem.Create(VfsFixture.Asker, own, "f"u8, 0x81B6, 0x12, VfsFixture.ReadWrite);

        Assert.Equal(Errno.None, reply.Error);
        Assert.Equal(0x81A4u, reply.Value.Entry.Attributes.Mode);
        Assert.Equal(1000u, reply.Value.Entry.Attributes.Uid);
        Assert.InRange(reply.Value.Entry.AttributeTimeout, TimeSpan.FromTicks(1), TimeSpan.FromMilliseconds(4)); // For the look that ends the open(2).
        Assert.Equal(TimeSpan.Zero, reply.Value.Entry.EntryTimeout); // Who changes a directory keeps no names of it.
    }

    [Fact]
    public async Task A_name_made_in_a_directory_without_a_promise_is_not_kept()
    {
        using var vfs = new VfsFixture();

        FuseResult<EntryReply> reply = await vfs.FileSystem.MakeDirectory(VfsFixture.Asker, NodeId.Root, "d"u8, 0x1FF, 0);

        Assert.Equal(TimeSpan.Zero, reply.Value.EntryTimeout);
    }

    [Fact]
    public async Task A_create_that_another_client_won_goes_back_to_the_name_so_that_permissions_are_checked()
    {
        using var vfs = new VfsFixture();
        vfs.Cache.Add("f", "of another");

        FuseResult<Afs.Fuse.CreateReply> shared = await vfs.FileSystem.Create(VfsFixture.Asker, NodeId.Root, "f"u8, 0x81A4, 0, VfsFixture.ReadWrite);
        FuseResult<Afs.Fuse.CreateReply> exclusive = await vfs.FileSystem.Create(VfsFixture.Asker, NodeId.Root, "f"u8, 0x81A4, 0, VfsFixture.ReadWrite | VfsFixture.Exclusive);

        Assert.Equal(Errno.ESTALE, shared.Error);
        Assert.Equal(Errno.EEXIST, exclusive.Error);
        Assert.Equal(1, vfs.FileSystem.NodeCount);
    }

    [Fact]
    public async Task A_create_that_another_client_won_opens_what_is_there_where_the_callers_right_is_plain()
    {
        using var vfs = new VfsFixture();
        vfs.Cache.Add("f", "of another");
        var root = new FuseRequest(new RequestId(2), 0, 0, 1, CancellationToken.None);

        FuseResult<Afs.Fuse.CreateReply> shared = await vfs.FileSystem.Create(root, NodeId.Root, "f"u8, 0x81A4, 0, VfsFixture.ReadWrite);

        Assert.Equal(Errno.None, shared.Error);
        Assert.Equal("of another", await vfs.ReadAsync(shared.Value.Open));
        Assert.Equal((await vfs.LookupAsync("f")).Node, shared.Value.Entry.Node);
    }

    [Fact]
    public async Task Rename_knows_two_flags()
    {
        using var vfs = new VfsFixture();
        vfs.Cache.Add("f", "text");

        Assert.Equal(Errno.EINVAL, await vfs.FileSystem.Rename(VfsFixture.Asker, NodeId.Root, "f"u8, NodeId.Root, "g"u8, 4));
        Assert.Equal(Errno.None, await vfs.FileSystem.Rename(VfsFixture.Asker, NodeId.Root, "f"u8, NodeId.Root, "g"u8, 1));
    }

    [Fact]
    public async Task A_symlink_shows_its_target()
    {
        using var vfs = new VfsFixture();

        FuseResult<EntryReply> link = await vfs.FileSystem.SymLink(VfsFixture.Asker, NodeId.Root, "l"u8, "some/where"u8);
        FuseResult<ReadOnlyMemory<byte>> target = await vfs.FileSystem.ReadLink(VfsFixture.Asker, link.Value.Node);

        Assert.Equal("some/where", Encoding.UTF8.GetString(target.Value.Span));
        Assert.Equal(FileType.Symlink, vfs.Cache.StatusOf(vfs.Cache.Root with { Vnode = new VnodeNumber(link.Value.Attributes.Ino) }).Type);
    }

    [Fact]
    public async Task A_directory_that_is_gone_can_still_be_listed()
    {
        using var vfs = new VfsFixture();
        vfs.Cache.Add("d", "", type: FileType.Directory);
        NodeId node = (await vfs.LookupAsync("d")).Node;
        vfs.Cache.RemoveByOther("d");

        FuseResult<OpenReply> open = await vfs.FileSystem.OpenDirectory(VfsFixture.Asker, node, 0);

        Assert.Equal(Errno.None, open.Error);
        Assert.Equal(Errno.None, await vfs.FileSystem.PrepareDirectory(VfsFixture.Asker, node, open.Value.Handle, 0, isPlus: true));
    }
}
