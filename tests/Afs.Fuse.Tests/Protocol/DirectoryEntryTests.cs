using Afs.Fuse.Protocol;
using Afs.Fuse.Tests.Support;

namespace Afs.Fuse.Tests.Protocol;

public sealed class DirectoryEntryTests
{
    private static readonly EntryReply Five = new() { Node = new NodeId(5), EntryTimeout = TimeSpan.FromSeconds(1) };

    [Fact]
    public void A_plain_entry_is_padded_to_eight_bytes_with_zeros()
    {
        byte[] buffer = Dirty(64);
        int usedBytes = DirectoryEntryWriter.TryWrite(buffer, isPlus: false, "abc"u8, ino: 7, nextOffset: 9, modeType: 0x4000, default);
        Assert.Equal(FrameBuilder.New().U64(7).U64(9).U32(3).U32(4).Raw("abc").Zeros(5).Bytes(), buffer[..usedBytes]);
    }

    [Fact]
    public void A_plus_entry_begins_with_its_lookup()
    {
        byte[] buffer = Dirty(256);
        int usedBytes = DirectoryEntryWriter.TryWrite(buffer, isPlus: true, "abcdefgh"u8, ino: 7, nextOffset: 9, modeType: 0x8000, Five);
        byte[] expected = FrameBuilder.New().U64(5).U64(0).U64(1).Zeros(16).Zeros(88).U64(7).U64(9).U32(8).U32(8).Raw("abcdefgh").Bytes();
        Assert.Equal(expected, buffer[..usedBytes]);
    }

    [Theory]
    [InlineData(".")]
    [InlineData("..")]
    public void Dots_never_carry_a_lookup(string name)
    {
        byte[] buffer = Dirty(256);
        int usedBytes = DirectoryEntryWriter.TryWrite(buffer, isPlus: true, System.Text.Encoding.ASCII.GetBytes(name), 7, 9, 0x4000, Five);
        Assert.All(buffer[..128], value => Assert.Equal(0, value));
        Assert.False(new DirectoryEntryReader(buffer.AsSpan(0, usedBytes)).TryNext(out _));
    }

    [Fact]
    public void An_entry_that_does_not_fit_leaves_the_buffer_alone()
    {
        byte[] buffer = Dirty(31);
        Assert.Equal(0, DirectoryEntryWriter.TryWrite(buffer, isPlus: false, "a"u8, 7, 9, 0x4000, default));
        Assert.All(buffer, old => Assert.Equal(0xCC, old));
    }

    [Theory]
    [InlineData("")]
    [InlineData("a/b")]
    [InlineData("a\0b")]
    public void A_name_that_is_none_is_a_fault_of_the_filesystem(string name) =>
        Assert.Throws<ArgumentException>(() => DirectoryEntryWriter.TryWrite(new byte[256], false, System.Text.Encoding.ASCII.GetBytes(name), 7, 9, 0, default));

    [Fact]
    public void The_reader_finds_every_node_that_the_writer_brought()
    {
        byte[] buffer = Dirty(1024);
        var filler = new DirectoryFiller(buffer, isPlus: true);
        Assert.True(filler.TryAdd("."u8, 1, 1, 0x4000, Five));
        Assert.True(filler.TryAdd("a"u8, 5, 2, 0x8000, Five));
        Assert.True(filler.TryAdd("unknown"u8, 6, 3, 0x8000, default));
        Assert.True(filler.TryAdd("b"u8, 8, 4, 0x8000, new EntryReply { Node = new NodeId(8) }));
        var reader = new DirectoryEntryReader(buffer.AsSpan(0, filler.WrittenBytes));
        var nodes = new List<ulong>();
        while (reader.TryNext(out NodeId node))
        {
            nodes.Add(node.Value);
        }

        Assert.Equal([5ul, 8ul], nodes);
    }

    private static byte[] Dirty(int lengthBytes)
    {
        byte[] buffer = new byte[lengthBytes];
        Array.Fill(buffer, (byte)0xCC);
        return buffer;
    }
}
