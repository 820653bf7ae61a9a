using System.Runtime.InteropServices;
using Afs.Fuse;
using Afs.Venus.Vfs;
using Afs.Wire;

namespace Afs.Vfs.Tests;

/// <summary>A filesystem that goes on with what another one told the kernel.</summary>
public sealed class TakeOverTests
{
    private const ulong Resent = 1UL << 63;

    [Fact]
    public async Task Nodes_and_open_files_of_the_predecessor_are_known_and_no_NodeId_is_given_twice()
    {
        MountRecords records = FakeRecords.Make();
        using var first = new VfsFixture(records: records);
        Fid f = first.Cache.Add("f", "content"), g = first.Cache.Add("g", "other"), h = first.Cache.Add("h", "third");
        EntryReply entry = await first.LookupAsync("f"), gone = await first.LookupAsync("g");
        OpenReply reader = await first.OpenAsync(entry.Node), writer = await first.OpenAsync(entry.Node, VfsFixture.ReadWrite);
        OpenReply closed = await first.OpenAsync(entry.Node);
        await first.ReleaseAsync(closed);
        first.FileSystem.Forget(gone.Node, 1);

        using var second = new VfsFixture(records: records, cache: first.Cache);
        var held = new FakeHeldFiles(first.Cache, f, g, h);
        Assert.Equal((2, 0), second.FileSystem.TakeOver(held));

        Assert.True(held.IsFinished);
        Assert.Equal("content", await second.ReadAsync(reader));
        await second.WriteAsync(writer, "CONTENT");
        Assert.Equal("CONTENT", await second.ReadAsync(reader));
        Assert.Equal(Errno.EBADF, (await second.FileSystem.Read(VfsFixture.Asker, default, closed.Handle, 0, new byte[1])).Error);
        Assert.Equal(entry.Node, (await second.LookupAsync("f")).Node);
        NodeId made = (await second.LookupAsync("h")).Node;
        Assert.True(made.Value > gone.Node.Value);
        OpenReply opened = await second.OpenAsync(made);
        Assert.DoesNotContain(opened.Handle, new[] { reader.Handle, writer.Handle, closed.Handle });
        await second.ReleaseAsync(reader);
        await second.ReleaseAsync(writer);
        second.FileSystem.Forget(entry.Node, 2);
        Assert.Equal(Errno.ESTALE, await second.OpenErrorAsync(entry.Node));
    }

    [Fact]
    public async Task A_directory_s_attributes_last_no_longer_than_the_lease_where_the_mount_outlives_its_daemon()
    {
        using var single = new VfsFixture();
        Assert.True((await single.StatAsync(NodeId.Root)).AttributeTimeout > TimeSpan.FromHours(1));

        using var supervised = new VfsFixture(records: FakeRecords.Make());
        supervised.Cache.Add("f", "content");
        supervised.Cache.LeaseLeft = TimeSpan.FromSeconds(7);
        Assert.InRange((await supervised.StatAsync(NodeId.Root)).AttributeTimeout, TimeSpan.FromTicks(1), TimeSpan.FromSeconds(6));
        EntryReply file = await supervised.LookupAsync("f");
        Assert.True(file.AttributeTimeout > TimeSpan.FromHours(1));
        supervised.Cache.LeaseLeft = TimeSpan.FromSeconds(-1);
        Assert.Equal(TimeSpan.Zero, (await supervised.StatAsync(NodeId.Root)).AttributeTimeout);
    }

    [Fact]
    public async Task An_open_whose_answer_never_reached_the_kernel_leaves_nothing_open()
    {
        MountRecords records = FakeRecords.Make();
        using var first = new VfsFixture(records: records);
        Fid f = first.Cache.Add("f", "content");
        EntryReply entry = await first.LookupAsync("f");
        FuseRequest asker = VfsFixture.Asker with { Id = new RequestId(7) };
        await first.FileSystem.Open(asker, entry.Node, VfsFixture.ReadWrite, killSuidGid: false);
        int before = first.Cache.FileOf(f)!.Writers;

        using var second = new VfsFixture(records: records, cache: first.Cache);
        second.FileSystem.TakeOver(new FakeHeldFiles(first.Cache, f));
        FuseRequest again = asker with { Id = new RequestId(7 | Resent) };
        FuseResult<OpenReply> reply = await second.FileSystem.Open(again, entry.Node, VfsFixture.ReadWrite, killSuidGid: false);

        Assert.Equal(Errno.None, reply.Error);
        await second.ReleaseAsync(reply.Value);
        Assert.Equal(before, first.Cache.FileOf(f)!.Writers); // Those of the first filesystem alone.
    }

    [Fact]
    public async Task A_file_whose_container_is_lost_is_not_open_and_the_rest_is()
    {
        MountRecords records = FakeRecords.Make();
        using var first = new VfsFixture(records: records);
        Fid f = first.Cache.Add("f", "content");
        first.Cache.Add("g", "lost");
        OpenReply kept = await first.OpenAsync((await first.LookupAsync("f")).Node), lost = await first.OpenAsync((await first.LookupAsync("g")).Node);

        using var second = new VfsFixture(records: records, cache: first.Cache);
        Assert.Equal((1, 1), second.FileSystem.TakeOver(new FakeHeldFiles(first.Cache, f)));

        Assert.Equal("content", await second.ReadAsync(kept));
        Assert.Equal(Errno.EBADF, (await second.FileSystem.Read(VfsFixture.Asker, default, lost.Handle, 0, new byte[1])).Error);
        await second.ReleaseAsync(lost);
    }

    [Fact]
    public async Task An_open_directory_goes_on_where_it_was()
    {
        MountRecords records = FakeRecords.Make();
        using var first = new VfsFixture(records: records);
        first.Cache.Add("f", "");
        FuseResult<OpenReply> open = await first.FileSystem.OpenDirectory(VfsFixture.Asker, NodeId.Root, 0);

        using var second = new VfsFixture(records: records, cache: first.Cache);
        second.FileSystem.TakeOver(new FakeHeldFiles(first.Cache));

        Assert.Equal(Errno.None, await second.FileSystem.PrepareDirectory(VfsFixture.Asker, NodeId.Root, open.Value.Handle, offset: 2, isPlus: false));
    }

    /// <summary>Records are bytes on a disk. What makes no sense isn't known any more, and all else goes on.</summary>
    [Fact]
    public async Task Damaged_records_are_left_out_and_the_mount_goes_on()
    {
        MountRecords records = FakeRecords.Make();
        using var first = new VfsFixture(records: records);
        Fid f = first.Cache.Add("f", "content");
        EntryReply entry = await first.LookupAsync("f");
        OpenReply open = await first.OpenAsync(entry.Node, VfsFixture.ReadWrite);
        int nodes = records.Nodes.Count, files = records.Files.Count;
        MemoryMarshal.AsRef<NodeRecord>(records.Nodes.At(nodes)) = new NodeRecord { Node = entry.Node.Value, Type = (byte)FileType.Regular };
        MemoryMarshal.AsRef<NodeRecord>(records.Nodes.At(nodes + 1)) = new NodeRecord { Node = NodeId.Root.Value, Type = (byte)FileType.Regular };
        MemoryMarshal.AsRef<NodeRecord>(records.Nodes.At(nodes + 2)) = new NodeRecord { Node = ulong.MaxValue, Type = (byte)FileType.Regular };
        MemoryMarshal.AsRef<NodeRecord>(records.Nodes.At(nodes + 3)) = new NodeRecord { Node = 99, Type = 77 };
        MemoryMarshal.AsRef<OpenFileRecord>(records.Files.At(files)) = new OpenFileRecord { Handle = 1UL << 32 | int.MaxValue, Node = entry.Node.Value, IsOpen = 1 };
        MemoryMarshal.AsRef<OpenFileRecord>(records.Files.At(files + 1)) = new OpenFileRecord { Handle = ulong.MaxValue, IsOpen = 1 };
        MemoryMarshal.AsRef<OpenDirectoryRecord>(records.Directories.At(0)) = new OpenDirectoryRecord { Handle = uint.MaxValue, Node = 1, IsOpen = 1 };
        MemoryMarshal.AsRef<LockRecord>(records.Locks.At(0)) = new LockRecord { Vnode = f.Vnode.Value, Volume = 1, Uniquifier = f.Uniquifier.Value, Kind = 77, IsHeld = 1 };
        MemoryMarshal.AsRef<LockRecord>(records.Locks.At(1)) = new LockRecord { Vnode = f.Vnode.Value, Volume = 1, Uniquifier = f.Uniquifier.Value, Start = 9, End = 3, IsHeld = 1 };

        using var second = new VfsFixture(records: records, cache: first.Cache);
        Assert.Equal((1, 0), second.FileSystem.TakeOver(new FakeHeldFiles(first.Cache, f)));

        Assert.Equal("content", await second.ReadAsync(open));
        Assert.Equal(entry.Node, (await second.LookupAsync("f")).Node);
        var wanted = new FileLock(5, 0, 20, FileLockKind.Write, 1, IsFlock: false);
        Assert.Equal(Errno.None, await second.FileSystem.SetLock(VfsFixture.Asker, entry.Node, open.Handle, wanted, wait: false));
        second.Cache.Add("g", "");
        Assert.InRange((await second.LookupAsync("g")).Node.Value, entry.Node.Value + 1, 98UL);
        await second.ReleaseAsync(open);

        // A fid is not of another type than the server says.
        Fid h = first.Cache.Add("h", "");
        MemoryMarshal.AsRef<NodeRecord>(records.Nodes.At(nodes + 4)) = new NodeRecord { Node = 50, Vnode = h.Vnode.Value, Volume = 1, Uniquifier = h.Uniquifier.Value, Type = (byte)FileType.Directory };
        using var third = new VfsFixture(records: records, cache: first.Cache);
        third.FileSystem.TakeOver(new FakeHeldFiles(first.Cache, f));
        await third.ReleaseAsync(await third.OpenAsync((await third.LookupAsync("h")).Node));
    }
}
