using Afs.CommandLines;

namespace Afs.Shared.Tests.CommandLines;

/// <summary>What comes from outside can't steer a terminal, whichever way it is printed.</summary>
public class OneLineTests
{
    [Theory]
    [InlineData("plain name.txt", "plain name.txt")]
    [InlineData("Größe 大きさ \U0001F600", "Größe 大きさ \U0001F600")]
    [InlineData("red\x1b[31m", @"red\x1b[31m")]
    [InlineData("one\nvenus: all is well", @"one\x0avenus: all is well")]
    [InlineData("back\b\r\t", @"back\x08\x0d\x09")]
    [InlineData("c1\u009b31m", @"c1\x9b31m")]
    [InlineData("gpj\u202etxt.exe", @"gpj\u202etxt.exe")]
    [InlineData("iso\u2066late\u2069", @"iso\u2066late\u2069")]
    [InlineData("sep\u2028line", @"sep\u2028line")]
    [InlineData("tag\U000E0041", @"tag\U000e0041")]
    [InlineData(null, "")]
    public void What_does_not_show_is_escaped(string? text, string shown) => Assert.Equal(shown, OneLine.Of(text));

    [Fact]
    public void A_half_of_a_pair_is_escaped() => Assert.Equal(@"a\ud800b", OneLine.Of("a" + (char)0xD800 + "b"));

    [Fact]
    public void Nothing_is_copied_where_nothing_is_to_be_escaped()
    {
        const string name = "an ordinary name";
        Assert.Same(name, OneLine.Of(name));
    }
}
