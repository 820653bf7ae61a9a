using Afs.Fuse;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Vfs.Tests;

/// <summary>Which opens come to the daemon because their writes must be stored before they return.</summary>
public sealed class DurabilityTests
{
    private const int DataSync = 0x1000, Sync = 0x101000;

    private const OpenReplyFlags DirectPassthrough = OpenReplyFlags.Passthrough | OpenReplyFlags.DirectIo;

    [Theory]
    [InlineData(DataSync)]
    [InlineData(Sync)]
    public async Task A_synchronous_writer_shares_the_registration_and_each_of_its_writes_is_stored(int flag)
    {
        using var vfs = new VfsFixture();
        Fid fid = vfs.Cache.Add("f", "before");
        NodeId node = (await vfs.LookupAsync("f")).Node;
        OpenReply reader = await vfs.OpenAsync(node), plain = await vfs.OpenAsync(node, VfsFixture.ReadWrite);

        OpenReply writer = await vfs.OpenAsync(node, VfsFixture.ReadWrite | flag);

        Assert.Equal(DirectPassthrough, writer.Flags & DirectPassthrough);
        Assert.Equal(OpenReplyFlags.None, (reader.Flags | plain.Flags) & OpenReplyFlags.DirectIo);
        Assert.Equal((reader.Backing, reader.Backing), (plain.Backing, writer.Backing));
        await vfs.WriteAsync(writer, "stored");
        Assert.Equal("stored", vfs.Cache.ContentOf(fid));
        await vfs.WriteAsync(plain, "laters");
        Assert.Equal("stored", vfs.Cache.ContentOf(fid));
    }

    [Fact]
    public async Task A_store_that_fails_is_the_errno_of_the_write()
    {
        using var vfs = new VfsFixture();
        vfs.Cache.Add("f", "before");
        OpenReply writer = await vfs.OpenAsync((await vfs.LookupAsync("f")).Node, VfsFixture.ReadWrite | DataSync);
        vfs.Cache.StoreFailure = AbortCodes.NoSpace;

        FuseResult<int> written = await vfs.FileSystem.Write(VfsFixture.Asker, default, writer.Handle, 0, "x"u8.ToArray(), WriteTraits.None);

        Assert.Equal(Errno.ENOSPC, written.Error);
    }

    [Fact]
    public async Task A_write_that_the_kernel_says_is_synchronous_is_stored_whatever_its_descriptor_says()
    {
        using var vfs = new VfsFixture(passthrough: false);
        Fid fid = vfs.Cache.Add("f", "before");
        OpenReply writer = await vfs.OpenAsync((await vfs.LookupAsync("f")).Node, VfsFixture.ReadWrite);

        await vfs.FileSystem.Write(VfsFixture.Asker, default, writer.Handle, 0, "now"u8.ToArray(), WriteTraits.Synchronous);
        Assert.Equal("nowore", vfs.Cache.ContentOf(fid));
        await vfs.FileSystem.Write(VfsFixture.Asker, default, writer.Handle, 0, "not"u8.ToArray(), WriteTraits.None);

        Assert.Equal("nowore", vfs.Cache.ContentOf(fid));
    }

    [Fact]
    public async Task A_marked_file_is_served_by_the_daemon_and_each_write_stored_but_not_each_page_of_a_mapping()
    {
        using var vfs = new VfsFixture();
        Fid fid = vfs.Cache.Add("f", "before");
        NodeId node = (await vfs.LookupAsync("f")).Node;
        await vfs.Cache.SetXattrAsync(
            new StoreXattrRequest { Fid = fid, Name = "user.afs.sync"u8.ToArray(), Value = "1"u8.ToArray(), Mode = XattrMode.CreateOrReplace, ChangeTime = default }, OperationContext.OfClient(CancellationToken.None));

        OpenReply reader = await vfs.OpenAsync(node), writer = await vfs.OpenAsync(node, VfsFixture.ReadWrite);

        Assert.Equal(OpenReplyFlags.None, (reader.Flags | writer.Flags) & DirectPassthrough);
        await vfs.WriteAsync(writer, "stored");
        Assert.Equal("stored", vfs.Cache.ContentOf(fid));
        await vfs.FileSystem.Write(VfsFixture.Asker, default, writer.Handle, 0, "mapped"u8.ToArray(), WriteTraits.FromCache);
        Assert.Equal("stored", vfs.Cache.ContentOf(fid));
        Assert.Equal(Errno.None, await vfs.FileSystem.Fsync(VfsFixture.Asker, default, writer.Handle, dataOnly: true));
        Assert.Equal("mapped", vfs.Cache.ContentOf(fid));
    }
}
