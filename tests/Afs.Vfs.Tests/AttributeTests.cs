using Afs.Fuse;
using Afs.Wire;

namespace Afs.Vfs.Tests;

/// <summary>SETATTR, xattrs and privileges.</summary>
public sealed class AttributeTests
{
    private const uint SetUserIdMode = 0x9ED;

    [Fact]
    public async Task An_empty_mask_clears_set_id_bits()
    {
        using var vfs = new VfsFixture();
        vfs.Cache.Add("f", "text", mode: SetUserIdMode);
        NodeId node = (await vfs.LookupAsync("f")).Node;

        FuseResult<AttributesReply> reply = await vfs.FileSystem.SetAttributes(VfsFixture.Asker, node, new SetAttributesRequest());

        Assert.Equal(0x81EDu, reply.Value.Attributes.Mode);
    }

    [Theory]
    [InlineData(FileType.Regular, StatusFields.Uid | StatusFields.KillSetId)]
    [InlineData(FileType.Directory, StatusFields.Uid)]
    public async Task Changing_the_owner_clears_set_id_bits_of_all_but_directories(FileType type, StatusFields expected)
    {
        using var vfs = new VfsFixture();
        vfs.Cache.Add("f", "", type: type);
        NodeId node = (await vfs.LookupAsync("f")).Node;

        await vfs.FileSystem.SetAttributes(VfsFixture.Asker, node, new SetAttributesRequest { Mask = SetAttributesMask.Uid, Uid = 7 });

        Assert.Equal(expected, Assert.Single(vfs.Cache.StatusRequests).Fields);
    }

    [Fact]
    public async Task Now_is_the_cache_managers_clock()
    {
        using var vfs = new VfsFixture();
        vfs.Cache.Add("f", "");
        NodeId node = (await vfs.LookupAsync("f")).Node;
        var set = new SetAttributesRequest
        {
            Mask = SetAttributesMask.AccessTime | SetAttributesMask.AccessTimeNow | SetAttributesMask.ModifyTime,
            ModifyTime = new FuseTime(3, 4),
        };

        await vfs.FileSystem.SetAttributes(VfsFixture.Asker, node, set);

        StoreStatusRequest request = Assert.Single(vfs.Cache.StatusRequests);
        Assert.Equal(vfs.Cache.Now, request.AccessTime);
        Assert.Equal(new Timestamp(3, 4), request.ModifyTime);
    }

    [Fact]
    public async Task Truncate_stores_at_once()
    {
        using var vfs = new VfsFixture();
        Fid fid = vfs.Cache.Add("f", "long text");
        NodeId node = (await vfs.LookupAsync("f")).Node;

        FuseResult<AttributesReply> reply = await vfs.FileSystem.SetAttributes(
            VfsFixture.Asker, node, new SetAttributesRequest { Mask = SetAttributesMask.Size, SizeBytes = 4 });

        Assert.Equal(4UL, reply.Value.Attributes.SizeBytes);
        Assert.Equal("long", vfs.Cache.ContentOf(fid));
        Assert.Equal(0, vfs.Cache.FileOf(fid)!.Uses);
    }

    [Fact]
    public async Task Truncating_through_an_open_file_stores_at_its_close()
    {
        using var vfs = new VfsFixture();
        Fid fid = vfs.Cache.Add("f", "long text");
        NodeId node = (await vfs.LookupAsync("f")).Node;
        OpenReply writer = await vfs.OpenAsync(node, VfsFixture.ReadWrite);

        await vfs.FileSystem.SetAttributes(
            VfsFixture.Asker, node, new SetAttributesRequest { Mask = SetAttributesMask.Size | SetAttributesMask.Handle, Handle = writer.Handle, SizeBytes = 4 });

        Assert.Equal("long text", vfs.Cache.ContentOf(fid));
        Assert.Equal(4UL, (await vfs.StatAsync(node)).Attributes.SizeBytes);
    }

    [Fact]
    public async Task A_size_beyond_the_limit_is_refused()
    {
        using var vfs = new VfsFixture();
        vfs.Cache.Add("f", "");
        NodeId node = (await vfs.LookupAsync("f")).Node;

        FuseResult<AttributesReply> reply = await vfs.FileSystem.SetAttributes(
            VfsFixture.Asker, node, new SetAttributesRequest { Mask = SetAttributesMask.Size, SizeBytes = ulong.MaxValue });

        Assert.Equal(Errno.EFBIG, reply.Error);
    }

    [Fact]
    public async Task A_file_without_xattrs_says_so_without_a_call()
    {
        using var vfs = new VfsFixture();
        vfs.Cache.Add("f", "");
        NodeId node = (await vfs.LookupAsync("f")).Node;
        int before = vfs.Cache.Calls;

        FuseResult<ReadOnlyMemory<byte>> reply = await vfs.FileSystem.GetXattr(VfsFixture.Asker, node, "security.capability"u8);

        Assert.Equal(Errno.ENODATA, reply.Error);
        Assert.Equal(before, vfs.Cache.Calls);
    }

    [Fact]
    public async Task Xattrs_of_three_namespaces_are_kept_and_listed()
    {
        using var vfs = new VfsFixture();
        vfs.Cache.Add("f", "");
        NodeId node = (await vfs.LookupAsync("f")).Node;

        Assert.Equal(Errno.None, await vfs.FileSystem.SetXattr(VfsFixture.Asker, node, "user.a"u8, "1"u8, 0, false));
        Assert.Equal(Errno.EOPNOTSUPP, await vfs.FileSystem.SetXattr(VfsFixture.Asker, node, "system.other"u8, "1"u8, 0, false));
        Assert.Equal(Errno.EINVAL, await vfs.FileSystem.SetXattr(VfsFixture.Asker, node, "system.posix_acl_access"u8, "1"u8, 0, false));
        Assert.Equal(Errno.E2BIG, await vfs.FileSystem.SetXattr(VfsFixture.Asker, node, "user.b"u8, new byte[Limits.XattrValueBytes + 1], 0, false));
        FuseResult<ReadOnlyMemory<byte>> names = await vfs.FileSystem.ListXattr(VfsFixture.Asker, node);

        Assert.Equal("user.a\0"u8, names.Value.Span);
    }

    [Fact]
    public async Task A_write_by_one_who_may_not_keep_them_takes_capabilities_away()
    {
        using var vfs = new VfsFixture(passthrough: false);
        vfs.Cache.Add("f", "", mode: SetUserIdMode);
        NodeId node = (await vfs.LookupAsync("f")).Node;
        await vfs.FileSystem.SetXattr(VfsFixture.Asker, node, "security.capability"u8, "x"u8, 0, false);
        OpenReply writer = await vfs.OpenAsync(node, VfsFixture.WriteOnly);

        await vfs.FileSystem.Write(VfsFixture.Asker, node, writer.Handle, 0, "x"u8.ToArray(), WriteTraits.KillSuidGid);

        AttributesReply after = await vfs.StatAsync(node);
        Assert.Equal(0x81EDu, after.Attributes.Mode);
        Assert.Equal(Errno.ENODATA, (await vfs.FileSystem.GetXattr(VfsFixture.Asker, node, "security.capability"u8)).Error);
    }
}
