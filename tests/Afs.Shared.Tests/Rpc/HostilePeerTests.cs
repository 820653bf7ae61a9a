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
            FrameWriter.Write(frames, new HelloFrame(ProtocolVersion.Current, role, new ClientId(1, 1), new SessionId(1), Cell.Scope, TokenOf(cell, new SessionId(1), new ClientId(1, 1))), default);
            byte[] content = new byte[random.Next(0, 60)];
            random.NextBytes(content);
            frames.Write<byte>([0, 0, 0, (byte)(1 + content.Length), (byte)random.Next(0, 24), .. content]);
            frames.Write<byte>([0xff, 0xff, 0xff, 0xff]);
            await AssertClosed(cell, frames.WrittenSpan.ToArray());
        }

        Assert.True((await stub.ReadAsync(new NumberMessage(1), Patient)).IsReply);
        Assert.Empty(cell.Store.Executions);
    }

    [Theory, InlineData(false), InlineData(true)]
    public async Task ARetryThatIsAnotherRequestEndsItsConnection(bool afterARestart)
    {
        await using var cell = new Cell(new SocketTransport(), TimeProvider.System, seed: 1);
        await cell.StartServerAsync(RpcEndpoint.Parse("127.0.0.1:0"));
        (_, CounterServiceClient stub, _) = cell.AddClient(new SocketTransport(), cell.Server.Endpoints[0]);
        Assert.True((await stub.ReadAsync(new NumberMessage(1), Patient)).IsReply);
        SessionId session;
        byte[] first;
        IFrameConnection connection = await ConnectAsync(cell, default);
        await using (connection)
        {
            using ReceivedFrame welcome = await connection.ReceiveAsync(FrameLimits.ControlBytes);
            session = WelcomeFrame.Read(welcome.Content.Span).Session;
            first = await CallAsync(connection, session, operation: 1, isRetry: false, new NumberMessage(7));
        }
        if (afterARestart)
        {
            RpcEndpoint endpoint = cell.Server.Endpoints[0];
            await cell.Server.DisposeAsync();
            await cell.StartServerAsync(endpoint);
        }
        foreach ((int operation, NumberMessage request) in new[] { (3, new NumberMessage(7)), (1, new NumberMessage(8)) })
        {
            IFrameConnection again = await ConnectAsync(cell, session);
            await using (again)
            {
                (await again.ReceiveAsync(FrameLimits.ControlBytes)).Dispose();
                Assert.Empty(await CallAsync(again, session, operation, isRetry: true, request));
            }
        }
        IFrameConnection honest = await ConnectAsync(cell, session);
        await using (honest)
        {
            (await honest.ReceiveAsync(FrameLimits.ControlBytes)).Dispose();
            Assert.Equal(first, await CallAsync(honest, session, operation: 1, isRetry: true, new NumberMessage(7)));
        }
        Assert.True((await stub.ReadAsync(new NumberMessage(1), Patient)).IsReply);
        Assert.Equal([7L], cell.Store.Executions.Keys);
    }

    [Theory, InlineData(2), InlineData(ulong.MaxValue)]
    public async Task APingThatSaysMoreThanEverCameEndsItsConnectionAlone(ulong seenThrough)
    {
        await using var cell = new Cell(new SocketTransport(), TimeProvider.System, seed: 1);
        await cell.StartServerAsync(RpcEndpoint.Parse("127.0.0.1:0"));
        (RpcClient other, CounterServiceClient stub, _) = cell.AddClient(new SocketTransport(), cell.Server.Endpoints[0]);
        Assert.True((await stub.ReadAsync(new NumberMessage(1), Patient)).IsReply);
        SessionId session;
        byte[] first;
        IFrameConnection liar = await ConnectAsync(cell, default);
        await using (liar)
        {
            using ReceivedFrame welcome = await liar.ReceiveAsync(FrameLimits.ControlBytes);
            session = WelcomeFrame.Read(welcome.Content.Span).Session;
            first = await CallAsync(liar, session, operation: 1, isRetry: false, new NumberMessage(7));
            await PingAsync(liar, seenThrough);
            Assert.True((await ReceiveOrEnd(liar)).IsEnd);
        }

        // What it said counts for nothing: its first reply is still remembered, and may be said to be seen.
        IFrameConnection honest = await ConnectAsync(cell, session);
        await using (honest)
        {
            (await honest.ReceiveAsync(FrameLimits.ControlBytes)).Dispose();
            Assert.Equal(first, await CallAsync(honest, session, operation: 1, isRetry: true, new NumberMessage(7)));
            await PingAsync(honest, 1);
            using ReceivedFrame answer = await ReceiveOrEnd(honest);
            Assert.Equal(FrameType.Pong, answer.Type);
        }
        Assert.True((await stub.ReadAsync(new NumberMessage(1), Patient)).IsReply);
        Assert.Equal(1, other.Statistics.Connections);
    }

    [Fact]
    public async Task ACallThatWasGivenUpIsNotSaidToBeSeenBeforeOneAfterItWasAnswered()
    {
        IFrameListener listener = await new SocketTransport().ListenAsync(RpcEndpoint.Parse("127.0.0.1:0"), CancellationToken.None);
        await using (listener)
        await using (RpcClient client = MakeClient(listener, new RpcTimings { KeepAlive = TimeSpan.FromMilliseconds(50) }))
        {
            client.Start();
            IFrameConnection server = await listener.AcceptAsync();
            var welcome = new ArrayBufferWriter<byte>();
            FrameWriter.Write(welcome, new WelcomeFrame(new SessionId(1), default, true, new Epoch(1), 1000, default), default);
            await server.SendAsync(welcome.WrittenMemory);
            using var noMore = new CancellationTokenSource();
            Task<Outcome<NumberMessage>> first = client.CallAsync<NumberMessage, NumberMessage>(1, false, default, Patient with { Cancellation = noMore.Token }).AsTask();
            Assert.Equal(new CallSequence(1), await ReadAsync(server, FrameType.Request, static frame => RequestFrame.Read(frame).Sequence));
            noMore.Cancel();
            Assert.False((await first).IsReply);
            Task<Outcome<NumberMessage>> second = client.CallAsync<NumberMessage, NumberMessage>(1, false, default, Patient).AsTask();
            Assert.Equal(new CallSequence(2), await ReadAsync(server, FrameType.Request, static frame => RequestFrame.Read(frame).Sequence));
            Assert.Equal(default, await ReadAsync(server, FrameType.Ping, static frame => PingFrame.Read(frame).SeenThrough));
            var reply = new ArrayBufferWriter<byte>();
            FrameWriter.Write(reply, new ReplyFrame(new CallSequence(2), ReplyStatus.Replied, default, new Epoch(1), default), WireCodec.ToBytes(new NumberMessage(1)));
            await server.SendAsync(reply.WrittenMemory);
            Assert.True((await second).IsReply);
            while (await ReadAsync(server, FrameType.Ping, static frame => PingFrame.Read(frame).SeenThrough) != new CallSequence(2))
            {
            }
            await server.DisposeAsync();
        }
    }

    [Fact]
    public async Task AClientOfAnotherVersionIsToldBoth()
    {
        await using var cell = new Cell(new SocketTransport(), TimeProvider.System, seed: 1);
        await cell.StartServerAsync(RpcEndpoint.Parse("127.0.0.1:0"));
        var hello = new ArrayBufferWriter<byte>();
        FrameWriter.Write(hello, new HelloFrame(77, ConnectionRole.Control, new ClientId(1, 1), default, Cell.Scope), default);
        IFrameConnection connection = await new SocketTransport().ConnectAsync(cell.Server.Endpoints[0], CancellationToken.None);
        await using (connection)
        {
            await connection.SendAsync(hello.WrittenMemory);
            using ReceivedFrame answer = await connection.ReceiveAsync(FrameLimits.ControlBytes);
            RefusalFrame refusal = RefusalFrame.Read(answer.Content.Span, out string text);
            Assert.Equal((RefusalReason.Version, ProtocolVersion.Current), (refusal.Reason, refusal.ServerVersion));
            Assert.Contains($"version {ProtocolVersion.Current}", text);
            Assert.Contains("version 77", text);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WhoKnowsASessionsNumberAndItsClientButNotItsTokenCantTakeItOver(bool isBulk)
    {
        await using var cell = new Cell(new SocketTransport(), TimeProvider.System, seed: 1) { Bulk = new MemoryBulk() };
        await cell.StartServerAsync(RpcEndpoint.Parse("127.0.0.1:0"));
        (RpcClient client, CounterServiceClient stub, RecordingClient owner) = cell.AddClient(new SocketTransport(), cell.Server.Endpoints[0]);
        Assert.True((await stub.IncrementAsync(new NumberMessage(1), Patient)).IsReply);
        ClientId victim = new(1, 1);
        ConnectionRole role = isBulk ? ConnectionRole.Bulk : ConnectionRole.Control;
        SessionToken[] guesses = [default, TokenOf(cell, new SessionId(2), victim), TokenOf(cell, new SessionId(1), new ClientId(1, 2)), new SessionTokens(cell.SessionKey).Of("other", new SessionId(1), victim), new SessionTokens(new byte[32]).Of(Cell.Scope, new SessionId(1), victim)];
        foreach (SessionToken guess in guesses)
        {
            IFrameConnection thief = await new SocketTransport().ConnectAsync(cell.Server.Endpoints[0], CancellationToken.None);
            await using (thief)
            {
                var hello = new ArrayBufferWriter<byte>();
                FrameWriter.Write(hello, new HelloFrame(ProtocolVersion.Current, role, victim, new SessionId(1), Cell.Scope, guess), default);
                await thief.SendAsync(hello.WrittenMemory);
                using ReceivedFrame answer = await thief.ReceiveAsync(FrameLimits.ControlBytes);
                Assert.Equal(FrameType.Refusal, answer.Type);
                Assert.Equal(RefusalReason.SessionUnknown, RefusalFrame.Read(answer.Content.Span, out _).Reason);
            }
        }

        Assert.True((await stub.IncrementAsync(new NumberMessage(1), Patient)).IsReply);
        Assert.DoesNotContain("disconnected", owner.Events);
        Assert.Equal(1, client.Statistics.Connections);

        // Its own client, which has the token, comes back to it.
        client.Reconnect("to try");
        Assert.True((await stub.IncrementAsync(new NumberMessage(1), Patient)).IsReply);
        Assert.Equal(3, cell.Store.Executions[1]);
        Assert.Equal(2, client.Statistics.Connections);
        Assert.Equal("(secret)", guesses[1].ToString());
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
            FrameWriter.Write(refusal, new RefusalFrame(RefusalReason.Version, 99), "no"u8);
            await server.SendAsync(refusal.WrittenMemory);
            RpcRefusedException e = await Assert.ThrowsAsync<RpcRefusedException>(() => client.WaitConnectedAsync(CancellationToken.None));
            Assert.Equal($"the server speaks protocol version 99, this client speaks version {ProtocolVersion.Current}", e.Message);
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
                    FrameWriter.Write(frames, new WelcomeFrame(new SessionId(1), default, true, new Epoch(1), 1000, default), default);
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

    private static SessionToken TokenOf(Cell cell, SessionId session, ClientId client) => new SessionTokens(cell.SessionKey).Of(Cell.Scope, session, client);

    private static async Task<IFrameConnection> ConnectAsync(Cell cell, SessionId session)
    {
        IFrameConnection connection = await new SocketTransport().ConnectAsync(cell.Server.Endpoints[0], CancellationToken.None);
        var hello = new ArrayBufferWriter<byte>();
        FrameWriter.Write(hello, new HelloFrame(ProtocolVersion.Current, ConnectionRole.Control, new ClientId(9, 9), session, Cell.Scope, TokenOf(cell, session, new ClientId(9, 9))), default);
        await connection.SendAsync(hello.WrittenMemory);
        return connection;
    }

    /// <summary>Call number 1. The reply's message; empty: the connection ended.</summary>
    private static async Task<byte[]> CallAsync(IFrameConnection connection, SessionId session, int operation, bool isRetry, NumberMessage message)
    {
        var frame = new ArrayBufferWriter<byte>();
        var request = new RequestFrame(session, new CallSequence(1), default, (ushort)operation, isRetry, DeadlineMs: 30_000);
        FrameWriter.Write(frame, request, WireCodec.ToBytes(message));
        await connection.SendAsync(frame.WrittenMemory);
        using ReceivedFrame reply = await ReceiveOrEnd(connection);
        return reply.IsEnd ? [] : reply.Content[ReplyFrame.Bytes..].ToArray();
    }

    private static async Task PingAsync(IFrameConnection connection, ulong seenThrough)
    {
        var ping = new ArrayBufferWriter<byte>();
        FrameWriter.Write(ping, new PingFrame(new CallSequence(seenThrough)), default);
        await connection.SendAsync(ping.WrittenMemory);
    }

    private delegate CallSequence Numbered(ReadOnlySpan<byte> content);

    /// <summary>The number in the next frame of this type.</summary>
    private static async Task<CallSequence> ReadAsync(IFrameConnection connection, FrameType type, Numbered number)
    {
        while (true)
        {
            using ReceivedFrame frame = await connection.ReceiveAsync(FrameLimits.ControlBytes);
            Assert.False(frame.IsEnd);
            if (frame.Type == type)
                return number(frame.Content.Span);
        }
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

    private static RpcClient MakeClient(IFrameListener listener, RpcTimings? timings = null) => new(new RpcClientOptions
    {
        Transport = new SocketTransport(),
        Server = listener.Endpoint,
        ClientId = new ClientId(1, 1),
        Scope = Cell.Scope,
        Session = new RecordingClient(),
        Time = TimeProvider.System,
        Random = new Random(1),
        Timings = (timings ?? new RpcTimings()) with { Reconnect = new BackOff(TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(2)) },
    });
}
