using System.Diagnostics;
using System.Security.Cryptography.X509Certificates;
using Afs.Rpc;

namespace Afs.Shared.Tests.Rpc;

/// <summary>Calls over the kernel's sockets.</summary>
public sealed class SocketTests
{
    private static readonly CallContext Patient = new() { Deadline = TimeSpan.FromSeconds(30) };

    [Fact]
    public async Task CallsOverTcp() => await CallBothWays(new SocketTransport(), new SocketTransport(), RpcEndpoint.Parse("127.0.0.1:0"));

    [Fact]
    public async Task CallsOverTcpV6() => await CallBothWays(new SocketTransport(), new SocketTransport(), RpcEndpoint.Parse("[::1]:0"));

    [Fact]
    public async Task CallsOverUnixSocket()
    {
        string path = Path.Combine(Path.GetTempPath(), $"afs-rpc-{Guid.NewGuid():N}.sock");
        await CallBothWays(new SocketTransport(), new SocketTransport(), RpcEndpoint.Parse("unix:" + path));
        Assert.False(File.Exists(path));
    }

    [Fact]
    public async Task CallsOverTls()
    {
        using X509Certificate2 certificate = TestCertificate.Create("localhost");
        var server = new SocketTransport(new SocketTransportOptions { ServerTls = new TlsServer(certificate) });
        var client = new SocketTransport(new SocketTransportOptions { ClientTls = new TlsClient([certificate]) { ServerName = "localhost" } });
        await CallBothWays(server, client, RpcEndpoint.Parse("127.0.0.1:0"));
    }

    [Fact]
    public async Task AServerThatIsNotTrustedIsRefused()
    {
        using X509Certificate2 certificate = TestCertificate.Create("localhost");
        using X509Certificate2 other = TestCertificate.Create("localhost");
        await using var cell = new Cell(new SocketTransport(new SocketTransportOptions { ServerTls = new TlsServer(certificate) }), TimeProvider.System, seed: 1);
        await cell.StartServerAsync(RpcEndpoint.Parse("127.0.0.1:0"));
        foreach (TlsClient trust in new[] { new TlsClient([other]) { ServerName = "localhost" }, new TlsClient([certificate]) { ServerName = "elsewhere" } })
        {
            IFrameConnection connection = await new SocketTransport(new SocketTransportOptions { ClientTls = trust })
                .ConnectAsync(cell.Server.Endpoints[0], CancellationToken.None);
            IOException refused = await Assert.ThrowsAsync<IOException>(async () => await connection.EstablishAsync(CancellationToken.None));
            Assert.Contains("TLS", refused.Message);
        }
    }

    [Fact]
    public async Task AnAddressInUseIsNamed()
    {
        IFrameListener first = await new SocketTransport().ListenAsync(RpcEndpoint.Parse("127.0.0.1:0"), CancellationToken.None);
        await using (first)
        {
            RpcEndpointException e = await Assert.ThrowsAsync<RpcEndpointException>(
                async () => await new SocketTransport().ListenAsync(first.Endpoint, CancellationToken.None));
            Assert.Contains($"Cannot listen at {first.Endpoint}: the address is in use", e.Message);
        }
    }

    [Fact]
    public async Task AUnixSocketThatAKilledServerLeftIsTakenOver()
    {
        string path = Path.Combine(Path.GetTempPath(), $"afs-stale-{Guid.NewGuid():N}.sock");
        using (Process dead = Process.Start("/usr/bin/python3", ["-c", "import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])", path]))
            await dead.WaitForExitAsync();
        Assert.True(File.Exists(path));
        await using IFrameListener listener = await new SocketTransport().ListenAsync(RpcEndpoint.Parse("unix:" + path), CancellationToken.None);
        RpcEndpointException e = await Assert.ThrowsAsync<RpcEndpointException>(
            async () => await new SocketTransport().ListenAsync(RpcEndpoint.Parse("unix:" + path), CancellationToken.None));
        Assert.Contains("in use", e.Message);
    }

    [Fact]
    public async Task NobodyThereIsSaid()
    {
        IOException e = await Assert.ThrowsAsync<IOException>(
            async () => await new SocketTransport().ConnectAsync(RpcEndpoint.Parse("unix:/nowhere/at.all"), CancellationToken.None));
        Assert.Contains("no connection to unix:/nowhere/at.all", e.Message);
    }

    private static async Task CallBothWays(ITransport serverSide, ITransport clientSide, RpcEndpoint endpoint)
    {
        await using var cell = new Cell(serverSide, TimeProvider.System, seed: 1);
        await cell.StartServerAsync(endpoint);
        (RpcClient client, CounterServiceClient stub, RecordingClient owner) = cell.AddClient(clientSide, cell.Server.Endpoints[0]);
        await client.WaitConnectedAsync(TestContext.Current.CancellationToken);

        Outcome<NumberMessage> one = await stub.IncrementAsync(new NumberMessage(7), Patient);
        Assert.Equal(1, one.Value.Value);
        Outcome<NumberMessage> refused = await stub.RefuseAsync(new NumberMessage(7), Patient);
        Assert.Equal(CounterService.Refusal, refused.Abort);
        byte[] large = new byte[1_900_000];
        new Random(1).NextBytes(large);
        Outcome<BytesMessage> echo = await stub.EchoAsync(new BytesMessage { Bytes = large }, Patient);
        Assert.Equal(large, echo.Value.Bytes);

        var back = new NotifyServiceClient(cell.Sessions.Channels.Values.Single());
        Outcome<NumberMessage> notified = await back.NotifyAsync(new NumberMessage(5), Patient);
        Assert.Equal(-5, notified.Value.Value);
        Assert.Equal(["established 1 new 1", "replied 1", "replied 1", "replied 1", "notified 5"], owner.Events);
    }
}
