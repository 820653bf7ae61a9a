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
