using Afs.Platform;

namespace Afs.Shared.Tests.Platform;

public class Crc32CTests
{
    /// <summary>RFC 3720, appendix B.4.</summary>
    [Fact]
    public void The_vectors_of_the_standard()
    {
        Assert.Equal(0x8a9136aau, Crc32C.Of(new byte[32]));
        Assert.Equal(0x62a8ab43u, Crc32C.Of([.. Enumerable.Repeat((byte)0xff, 32)]));
        Assert.Equal(0xe3069283u, Crc32C.Of("123456789"u8));
    }

    [Fact]
    public void However_long_the_pieces_are_the_checksum_is_that_of_the_polynomial()
    {
        byte[] data = new byte[100_003];
        new Random(7).NextBytes(data);
        uint register = uint.MaxValue;
        for (int length = 0, next = 0; length <= data.Length; length++)
        {
            if (length == next)
            {
                int cut = length / 3;
                Assert.Equal(~register, Crc32C.Of(data.AsSpan(0, length)));
                Assert.Equal(~register, Crc32C.Join(Crc32C.Of(data.AsSpan(0, cut)), Crc32C.Of(data.AsSpan(cut, length - cut)), length - cut));
                next += 4099;
            }
            register ^= length < data.Length ? data[length] : 0u;
            for (int bit = 0; bit < 8; bit++)
                register = register >> 1 ^ ((register & 1) != 0 ? 0x82F63B78 : 0);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(4096)]
    [InlineData(65_537)]
    public void Zeros_are_added_without_being_read(int count)
    {
        var crc = new Crc32C();
        crc.Add("some bytes"u8);
        crc.AddZeros(count);
        crc.Add("more"u8);
        Assert.Equal(Crc32C.Of([.. "some bytes"u8, .. new byte[count], .. "more"u8]), crc.Value);
    }

    [Fact]
    public void Zeros_past_four_gigabytes_are_added_in_any_pieces()
    {
        var once = Crc32C.From(0x12345678);
        once.AddZeros((5L << 30) + 3);
        var twice = Crc32C.From(0x12345678);
        twice.AddZeros(3L << 30);
        twice.AddZeros((2L << 30) + 3);
        Assert.Equal(once.Value, twice.Value);
    }

    [Fact]
    public void A_content_made_of_parts_has_the_checksum_of_the_whole()
    {
        var random = new Random(5);
        for (int round = 0; round < 50; round++)
        {
            byte[] before = new byte[random.Next(0, 3000)];
            random.NextBytes(before);
            byte[] after = new byte[before.Length + random.Next(1, 1000)];
            before.CopyTo(after, 0);
            var checksum = new PartsChecksum(Crc32C.Of(before), before.Length, after.Length);
            for (int offset = random.Next(after.Length), end; offset < after.Length; offset = end + random.Next(1, 700))
            {
                end = Math.Min(after.Length, offset + random.Next(1, 500));
                uint was = Crc32C.Of(after.AsSpan(offset, end - offset));
                random.NextBytes(after.AsSpan(offset, end - offset));
                checksum.Replace(offset, end - offset, was, Crc32C.Of(after.AsSpan(offset, end - offset)));
            }
            Assert.Equal(Crc32C.Of(after), checksum.Value);
        }
    }
}
