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
}
