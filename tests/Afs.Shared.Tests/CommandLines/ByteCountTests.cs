using Afs.CommandLines;

namespace Afs.Shared.Tests.CommandLines;

public sealed class ByteCountTests
{
    [Theory]
    [InlineData("0", 0)]
    [InlineData("123", 123)]
    [InlineData("1K", 1024)]
    [InlineData("5m", 5L << 20)]
    [InlineData("10G", 10L << 30)]
    [InlineData("8388607T", 8388607L << 40)]
    public void A_size_is_read(string text, long bytes)
    {
        Assert.True(ByteCount.TryParse(text, out long read));
        Assert.Equal(bytes, read);
    }

    [Theory]
    [InlineData("")]
    [InlineData("G")]
    [InlineData("-1")]
    [InlineData("1.5G")]
    [InlineData("10Q")]
    [InlineData("1 G")]
    [InlineData("8388608T")]
    [InlineData("9223372036854775808")]
    public void What_is_none_is_refused(string text) => Assert.False(ByteCount.TryParse(text, out _));

    [Theory]
    [InlineData(0, "0 B")]
    [InlineData(1023, "1023 B")]
    [InlineData(1536, "1.5 KiB")]
    [InlineData(10L << 30, "10.0 GiB")]
    [InlineData(long.MaxValue, "8388608.0 TiB")]
    public void A_size_is_written(long bytes, string text) => Assert.Equal(text, ByteCount.Format(bytes));
}
