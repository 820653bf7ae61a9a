using Afs.CommandLines;

namespace Afs.Shared.Tests.CommandLines;

public sealed class NearestNameTests
{
    [Theory]
    [InlineData("lisen", "listen")]
    [InlineData("cahce-size", "cache-size")]
    [InlineData("cachesize", "cache-size")]
    [InlineData("mount-point", "mountpoint")]
    [InlineData("xyz", null)]
    [InlineData("", null)]
    public void The_nearest_name_is_found(string typed, string? meant) =>
        Assert.Equal(meant, NearestName.Find(typed, ["listen", "cache-size", "cache-files", "mountpoint"]));

    [Fact]
    public void Of_no_names_none_is_near() => Assert.Null(NearestName.Find("a", []));
}
