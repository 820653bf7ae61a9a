using Afs.Rpc;

namespace Afs.Shared.Tests.Rpc;

/// <summary>Addresses as users write them.</summary>
public sealed class EndpointTests
{
    [Theory]
    [InlineData("localhost:7000")]
    [InlineData("10.0.0.1:1")]
    [InlineData("[::1]:65535")]
    [InlineData("[fe80::1]:0")]
    [InlineData("unix:/run/vice.sock")]
    public void IsReadAndShown(string text) => Assert.Equal(text, RpcEndpoint.Parse(text).ToString());

    [Theory]
    [InlineData("", "no port")]
    [InlineData("localhost", "no port")]
    [InlineData("localhost:", "port")]
    [InlineData("localhost:65536", "port")]
    [InlineData("localhost:-1", "port")]
    [InlineData("localhost:+1", "port")]
    [InlineData("localhost:7a", "port")]
    [InlineData(":7000", "host")]
    [InlineData("a b:7000", "host")]
    [InlineData("a/b:7000", "host")]
    [InlineData("::1:7000", "brackets")]
    [InlineData("[::1:7000", "brackets")]
    [InlineData("[localhost]:7000", "IPv6")]
    [InlineData("unix:relative", "absolute")]
    [InlineData("unix:", "absolute")]
    public void IsRefusedWithAReason(string text, string reason) =>
        Assert.Contains(reason, Assert.Throws<RpcEndpointException>(() => RpcEndpoint.Parse(text)).Message);

    [Fact]
    public void AUnixPathHasAMostLength()
    {
        RpcEndpoint.Parse("unix:/" + new string('a', 106));
        Assert.Throws<RpcEndpointException>(() => RpcEndpoint.Parse("unix:/" + new string('a', 107)));
    }
}
