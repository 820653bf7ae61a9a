using Afs.Fuse.Abi;
using Afs.Fuse.Protocol;
using Afs.Fuse.Session;
using Afs.Fuse.Tests.Support;

namespace Afs.Fuse.Tests.Protocol;

/// <summary>What a request says of itself is not believed.</summary>
public sealed class MalformedRequestTests
{
    public static TheoryData<string, int> BadNames => new()
    {
        { "", (int)Errno.EINVAL },
        { ".", (int)Errno.EINVAL },
        { "..", (int)Errno.EINVAL },
        { "a/b", (int)Errno.EINVAL },
        { new string('x', 256), (int)Errno.ENAMETOOLONG },
    };

    [Theory]
    [MemberData(nameof(BadNames))]
    public void A_bad_name_is_refused(string name, int errno) =>
        Assert.Equal((Errno)errno, ErrorOf(Requests.Name, FrameBuilder.New().Name(name).Bytes()));

    [Fact]
    public void A_name_of_255_bytes_is_taken() =>
        Assert.Equal(Errno.None, ErrorOf(Requests.Name, FrameBuilder.New().Name(new string('x', 255)).Bytes()));

    [Fact]
    public void Every_truncation_of_INIT_is_refused()
    {
        byte[] body = GoldenRequests.All["init"].Body;
        for (int length = 0; length < body.Length; length++)
        {
            Assert.Equal(Errno.EINVAL, ErrorOf(Requests.Init, body[..length]));
        }
    }

    [Fact]
    public void A_batch_that_claims_more_entries_than_came_is_refused()
    {
        byte[] body = FrameBuilder.New().U32(uint.MaxValue).U32(0).U64(1).U64(1).Bytes();
        var reader = new FrameReader(body);
        Assert.Equal(0, Requests.BatchForget(ref reader).Length);
        Assert.Equal(Errno.EINVAL, reader.Error);
    }

    [Fact]
    public void A_write_that_claims_more_data_than_came_is_refused()
    {
        byte[] body = FrameBuilder.New().U64(9).U64(0).U32(6).U32(0).U64(0).U32(0).U32(0).Raw("hello").Bytes();
        Assert.Equal(Errno.EINVAL, ErrorOf(Requests.Write, body));
    }

    [Theory]
    [InlineData(ulong.MaxValue)]
    [InlineData(long.MaxValue)]
    public void A_write_beyond_the_largest_offset_is_refused(ulong offset)
    {
        byte[] body = FrameBuilder.New().U64(9).U64(offset).U32(5).U32(0).U64(0).U32(0).U32(0).Raw("hello").Bytes();
        Assert.Equal(Errno.EINVAL, ErrorOf(Requests.Write, body));
    }

    [Fact]
    public void An_attribute_value_that_is_too_long_is_refused()
    {
        byte[] body = FrameBuilder.New().U32(65537).U32(0).Name("user.a").Zeros(65537).Bytes();
        Assert.Equal(Errno.E2BIG, ErrorOf(Requests.SetXattr, body, hasLongSetXattr: false));
    }

    [Fact]
    public void A_range_that_overflows_is_refused()
    {
        byte[] body = FrameBuilder.New().U64(9).U64(long.MaxValue).U64(1).U32(0).U32(0).Bytes();
        Assert.Equal(Errno.EINVAL, ErrorOf(Requests.Fallocate, body));
    }

    [Fact]
    public void A_time_of_more_than_a_second_of_nanoseconds_is_refused()
    {
        byte[] body = FrameBuilder.New().U32(1 << 5).U32(0).U64(0).U64(0).U64(0).U64(0).U64(0).U64(0).U32(0).U32(1_000_000_000).Zeros(24).Bytes();
        Assert.Equal(Errno.EINVAL, ErrorOf(Requests.SetAttributes, body));
    }

    [Fact]
    public void A_header_whose_length_is_not_the_frames_is_malformed()
    {
        byte[] frame = FrameBuilder.New().Name("file").Request(FuseOpcode.Lookup);
        Assert.False(FrameReader.TryOpen(frame.AsSpan(0, frame.Length - 1), out FuseInHeader header, out _));
        Assert.Equal(new RequestId(42), header.Id);
    }

    [Fact]
    public void Extensions_longer_than_the_frame_are_malformed()
    {
        byte[] frame = FrameBuilder.New().U32(40).U32(1).U64(42).U64(5).U32(0).U32(0).U32(0).U16(1).U16(0).Bytes();
        Assert.False(FrameReader.TryOpen(frame, out FuseInHeader header, out _));
        Assert.Equal(new RequestId(42), header.Id);
    }

    [Fact]
    public void Of_several_errors_the_first_counts_and_nothing_is_taken_after_it()
    {
        var reader = new FrameReader(FrameBuilder.New().Name(new string('x', 256)).Name("a/b").Bytes());
        reader.Name();
        Assert.Equal(0, reader.Name().Length);
        Assert.Equal(0ul, reader.Take<ulong>());
        Assert.Equal(Errno.ENAMETOOLONG, reader.Error);
    }

    private static Errno ErrorOf<TRequest>(RequestReading<TRequest> read, byte[] body, bool hasLongSetXattr = true)
        where TRequest : allows ref struct
    {
        var reader = new FrameReader(body, roomBytes: 4096, hasLongSetXattr);
        read(ref reader);
        return reader.Error;
    }
}
