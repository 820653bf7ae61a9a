using System.Buffers;
using System.Net.Sockets;
using Afs.Rpc;

namespace Afs.Shared.Tests.Rpc;

/// <summary>Whatever knocks at the server's port ends its own connection, and nobody else's.</summary>
public sealed class HostilePeerTests
{
    private static readonly CallContext Patient = new() { Deadline = TimeSpan.FromSeconds(30) };

    [Fact]
    public async Task GarbageEndsItsConnection()
    {
        await using var cell = new Cell(new SocketTransport(), TimeProvider.System, seed: 1);
        await cell.StartServerAsync(RpcEndpoint.Parse("127.0.0.1:0"));
        (_, CounterServiceClient stub, _) = cell.AddClient(new SocketTransport(), cell.Server.Endpoints[0]);
        var random = new Random(1);
        for (int i = 0; i < 50; i++)
        {
            byte[] garbage = new byte[random.Next(1, 2000)];
            random.NextBytes(garbage);
            if (i % 2 == 0)
                (garbage[0], garbage[1]) = (0, 0);
            await AssertClosed(cell, garbage);
        }

        await AssertClosed(cell, "GET / HTTP/1.1\r\nHost: vice\r\n\r\n"u8.ToArray());
        await AssertClosed(cell, [0xff, 0xff, 0xff, 0xff]);
        Assert.True((await stub.ReadAsync(new NumberMessage(1), Patient)).IsReply);
        Assert.Equal(52, await Eventually.GetAsync(52, () => cell.Server.Statistics.BrokenConnections));
    }

    [Fact]
    public async Task FramesAfterAGoodHelloAreFuzzed()
    {
        await using var cell = new Cell(new SocketTransport(), TimeProvider.System, seed: 1) { Bulk = new MemoryBulk() };
        await cell.StartServerAsync(RpcEndpoint.Parse("127.0.0.1:0"));
        (_, CounterServiceClient stub, _) = cell.AddClient(new SocketTransport(), cell.Server.Endpoints[0]);
        Assert.True((await stub.ReadAsync(new NumberMessage(1), Patient)).IsReply);
        var random = new Random(2);
        for (int i = 0; i < 100; i++)
        {
            var frames = new ArrayBufferWriter<byte>();
            ConnectionRole role = i % 2 == 0 ? ConnectionRole.Control : ConnectionRole.Bulk;
            FrameWriter.Write(frames, new HelloFrame(ProtocolVersion.Current, role, new ClientId(1, 1), new SessionId(1)), default);
            byte[] content = new byte[random.Next(0, 60)];
            random.NextBytes(content);
            frames.Write<byte>([0, 0, 0, (byte)(1 + content.Length), (byte)random.Next(0, 24), .. content]);
            frames.Write<byte>([0xff, 0xff, 0xff, 0xff]);
            await AssertClosed(cell, frames.WrittenSpan.ToArray());
        }

        Assert.True((await stub.ReadAsync(new NumberMessage(1), Patient)).IsReply);
        Assert.Empty(cell.Store.Executions);
    }

    [Fact]
    public async Task AClientOfAnotherVersionIsToldBoth()
    {
        await using var cell = new Cell(new SocketTransport(), TimeProvider.System, seed: 1);
        await cell.StartServerAsync(RpcEndpoint.Parse("127.0.0.1:0"));
        var hello = new ArrayBufferWriter<byte>();
        FrameWriter.Write(hello, new HelloFrame(77, ConnectionRole.Control, new ClientId(1, 1), default), default);
        IFrameConnection connection = await new SocketTransport().ConnectAsync(cell.Server.Endpoints[0], CancellationToken.None);
        await using (connection)
        {
            await connection.SendAsync(hello.WrittenMemory);
            using ReceivedFrame answer = await connection.ReceiveAsync(FrameLimits.ControlBytes);
            RefusalFrame refusal = RefusalFrame.Read(answer.Content.Span, out string text);
            Assert.Equal((RefusalReason.Version, ProtocolVersion.Current), (refusal.Reason, refusal.ServerVersion));
            Assert.Contains("version 1", text);
            Assert.Contains("version 77", text);
        }
    }

    [Fact]
    public async Task AServerOfAnotherVersionIsNamedToTheUser()
    {
        IFrameListener listener = await new SocketTransport().ListenAsync(RpcEndpoint.Parse("127.0.0.1:0"), CancellationToken.None);
        await using (listener)
        await using (RpcClient client = MakeClient(listener))
        {
            client.Start();
            IFrameConnection server = await listener.AcceptAsync();
            var refusal = new ArrayBufferWriter<byte>();
            FrameWriter.Write(refusal, new RefusalFrame(RefusalReason.Version, 2), "no"u8);
            await server.SendAsync(refusal.WrittenMemory);
            RpcRefusedException e = await Assert.ThrowsAsync<RpcRefusedException>(() => client.WaitConnectedAsync(CancellationToken.None));
            Assert.Equal("the server speaks protocol version 2, this client speaks version 1", e.Message);
            await server.DisposeAsync();
        }
    }

    [Fact]
    public async Task AServersGarbageDoesNotHarmTheClient()
    {
        IFrameListener listener = await new SocketTransport().ListenAsync(RpcEndpoint.Parse("127.0.0.1:0"), CancellationToken.None);
        await using (listener)
        await using (RpcClient client = MakeClient(listener))
        {
            client.Start();
            var random = new Random(3);
            for (int i = 0; i < 50; i++)
            {
                IFrameConnection server = await listener.AcceptAsync();
                var frames = new ArrayBufferWriter<byte>();
                if (i % 2 == 0)
                    FrameWriter.Write(frames, new WelcomeFrame(new SessionId(1), true, new Epoch(1), 1000, 0), default);
                byte[] garbage = new byte[random.Next(5, 100)];
                random.NextBytes(garbage);
                frames.Write<byte>([0, 0, 0, (byte)(1 + garbage.Length), (byte)random.Next(0, 24), .. garbage]);
                await server.SendAsync(frames.WrittenMemory);
                await server.DisposeAsync();
            }

            Assert.False((await client.CallAsync<NumberMessage, NumberMessage>(1, false, default, new CallContext { Deadline = TimeSpan.FromMilliseconds(50) })).IsReply);
        }
    }

    [Fact]
    public async Task ConnectionsAreBounded()
    {
        await using var cell = new Cell(new SocketTransport(), TimeProvider.System, seed: 1) { ServerLimits = new RpcLimits { Connections = 3 } };
        await cell.StartServerAsync(RpcEndpoint.Parse("127.0.0.1:0"));
        (_, CounterServiceClient stub, _) = cell.AddClient(new SocketTransport(), cell.Server.Endpoints[0]);
        Assert.True((await stub.ReadAsync(new NumberMessage(1), Patient)).IsReply);
        var idle = new List<IFrameConnection>();
        for (int i = 0; i < 2; i++)
            idle.Add(await new SocketTransport().ConnectAsync(cell.Server.Endpoints[0], CancellationToken.None));
        IFrameConnection tooMany = await new SocketTransport().ConnectAsync(cell.Server.Endpoints[0], CancellationToken.None);
        Assert.True((await ReceiveOrEnd(tooMany)).IsEnd);
        Assert.True((await stub.ReadAsync(new NumberMessage(1), Patient)).IsReply);
        foreach (IFrameConnection connection in idle)
            await connection.DisposeAsync();
    }

    [Fact]
    public void APeerThatNeverReadsIsDisconnectedAndDisturbsNobody()
    {
        var world = new VirtualWorld();
        world.Run(
            async () =>
            {
                var stuck = new StuckTransport(world.Time);
                var network = new MemoryNetwork(world.Time, new Random(1));
                await using var cell = new Cell(stuck.Around(network.TransportOf("server")), world.Time, seed: 1);
                var server = new RpcEndpoint.Memory("server");
                await cell.StartServerAsync(server);
                (_, CounterServiceClient good, _) = cell.AddClient(network.TransportOf("good"), server);
                (_, CounterServiceClient bad, RecordingClient badOwner) = cell.AddClient(network.TransportOf("bad"), server);
                Assert.True((await bad.ReadAsync(new NumberMessage(1), Patient)).IsReply);
                stuck.Stick("memory:bad");
                _ = bad.EchoAsync(new BytesMessage { Bytes = new byte[1000] }, Patient).AsTask();
                for (int i = 0; i < 30; i++)
                {
                    Assert.True((await good.ReadAsync(new NumberMessage(i), Patient)).IsReply);
                    await Task.Delay(TimeSpan.FromSeconds(1), world.Time, CancellationToken.None);
                }

                Assert.Contains("disconnected", badOwner.Events);
            },
            TimeSpan.FromMinutes(10));
    }

    private static async Task AssertClosed(Cell cell, byte[] bytes)
    {
        var endpoint = (RpcEndpoint.Tcp)cell.Server.Endpoints[0];
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(endpoint.Host, endpoint.Port);
        await socket.SendAsync(bytes);
        socket.Shutdown(SocketShutdown.Send);
        byte[] answer = new byte[4096];
        try
        {
            while (await socket.ReceiveAsync(answer) > 0)
            {
            }
        }
        catch (SocketException e)
        {
            Assert.Equal(SocketError.ConnectionReset, e.SocketErrorCode);
        }
    }

    private static async Task<ReceivedFrame> ReceiveOrEnd(IFrameConnection connection)
    {
        try
        {
            return await connection.ReceiveAsync(FrameLimits.ControlBytes);
        }
        catch (IOException)
        {
            return ReceivedFrame.End;
        }
    }

    private static RpcClient MakeClient(IFrameListener listener) => new(new RpcClientOptions
    {
        Transport = new SocketTransport(),
        Server = listener.Endpoint,
        ClientId = new ClientId(1, 1),
        Session = new RecordingClient(),
        Time = TimeProvider.System,
        Random = new Random(1),
        Timings = new RpcTimings { Reconnect = new BackOff(TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(2)) },
    });
}
