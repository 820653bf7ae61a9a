using System.Buffers;
using System.Net;
using System.Net.Sockets;
using Afs.Rpc;

namespace Afs.Shared.Tests.Rpc;

/// <summary>What a peer can make the server hold is bounded in bytes, and a peer that is only slow isn't taken for a dead one.</summary>
public sealed class BackPressureTests
{
    private static readonly CallContext Patient = new() { Deadline = TimeSpan.FromSeconds(60) };

    /// <summary>Less than what the slow lines need.</summary>
    private static readonly CallContext WhileBytesMove = new() { Deadline = TimeSpan.FromSeconds(2), Stall = TimeSpan.FromSeconds(4) };

    /// <summary>So short that a call on a slow line takes far longer.</summary>
    private static readonly RpcTimings Impatient = new()
    {
        KeepAlive = TimeSpan.FromSeconds(0.8),
        Silence = TimeSpan.FromSeconds(2),
        SendStall = TimeSpan.FromSeconds(2),
        BulkProgress = TimeSpan.FromSeconds(2),
    };

    [Fact]
    public async Task WhoPipelinesWithoutReadingMakesTheServerHoldNoMoreThanItsQueue()
    {
        await using var cell = new Cell(new SocketTransport(), TimeProvider.System, seed: 1) { ServerLimits = new RpcLimits { TotalQueuedBytes = 20 << 20 } };
        await cell.StartServerAsync(RpcEndpoint.Parse("127.0.0.1:0"));
        (_, CounterServiceClient stub, _) = cell.AddClient(new SocketTransport(), cell.Server.Endpoints[0]);
        Assert.True((await stub.ReadAsync(new NumberMessage(1), Patient)).IsReply);
        List<Socket> unread = [];
        for (int i = 0; i < 16; i++)
            unread.Add(await PipelineAsync(cell, (ulong)i, calls: 256, replyBytes: 600_000));
        long most = await MostQueuedAsync(cell);

        // All that was asked for would be 2.4 GB. Each connection may pass its bound by what runs at a time.
        Assert.InRange(most, 1 << 20, 60L << 20);
        Assert.Equal(600_000, (await stub.MakeAsync(new NumberMessage(600_000), Patient)).Value.Bytes.Length);
        unread.ForEach(static socket => socket.Dispose());
        Assert.Equal(0, await Eventually.GetAsync(0, () => cell.Server.QueuedBytes));
    }

    /// <summary>As many as may run, that wait for the same thing and are answered together.</summary>
    [Fact]
    public async Task RepliesThatComeTogetherHoldNoMoreThanTheQueueWhereNobodyReads()
    {
        const int Calls = 256, ReplyBytes = 600_000;
        await using var cell = new Cell(new SocketTransport(), TimeProvider.System, seed: 1);
        await cell.StartServerAsync(RpcEndpoint.Parse("127.0.0.1:0"));
        cell.Service.MakesWait = true;
        Socket unread = await PipelineAsync(cell, 1, Calls, ReplyBytes);
        await Eventually.BecomesTrueAsync(() => cell.Service.Held == Calls);
        cell.Service.Release();
        long most = await MostQueuedAsync(cell);

        // All of them are 150 MB. Each thread that runs calls may pass the bound by one reply.
        Assert.InRange(most, 1 << 20, 40L << 20);
        unread.Dispose();
    }

    [Fact]
    public async Task FramesThatLackAByteHoldAShareAndNoMore()
    {
        await using var cell = new Cell(new SocketTransport(), TimeProvider.System, seed: 1) { ServerLimits = new RpcLimits { TotalArrivingBytes = 16 << 20 } };
        await cell.StartServerAsync(RpcEndpoint.Parse("127.0.0.1:0"));
        (_, CounterServiceClient stub, _) = cell.AddClient(new SocketTransport(), cell.Server.Endpoints[0]);
        Assert.True((await stub.ReadAsync(new NumberMessage(1), Patient)).IsReply);
        List<Socket> unfinished = [];
        for (int i = 0; i < 30; i++)
            unfinished.Add(await LackAByteAsync(cell, (ulong)i, 1_700_000));
        await Eventually.BecomesTrueAsync(() => cell.Server.ArrivingBytes > 4 << 20);
        await Task.Delay(300);
        Assert.InRange(cell.Server.ArrivingBytes, 4 << 20, 8 << 20);

        // Another host's long frames come through.
        byte[] much = new byte[1_500_000];
        Assert.Equal(much.Length, (await stub.EchoAsync(new BytesMessage { Bytes = much }, Patient)).Value.Bytes.Length);
        unfinished.ForEach(static socket => socket.Dispose());
        Assert.Equal(0, await Eventually.GetAsync(0, () => cell.Server.ArrivingBytes));
    }

    [Fact]
    public async Task AHostGetsItsShareOfTheConnectionsAndOthersStillGetIn()
    {
        await using var cell = new Cell(new SocketTransport(), TimeProvider.System, seed: 1) { ServerLimits = new RpcLimits { Connections = 16 } };
        await cell.StartServerAsync(RpcEndpoint.Parse("127.0.0.1:0"));
        List<Socket> greedy = [];
        for (int i = 0; i < 20; i++)
            greedy.Add(await KnockAsync(cell, "127.0.0.2"));
        await Eventually.BecomesTrueAsync(() => cell.Server.ConnectionCount == 8);
        (_, CounterServiceClient stub, _) = cell.AddClient(new SocketTransport(), cell.Server.Endpoints[0]);
        Assert.True((await stub.ReadAsync(new NumberMessage(1), Patient)).IsReply);
        greedy.ForEach(static socket => socket.Dispose());
        Assert.Equal(1, await Eventually.GetAsync(1, () => cell.Server.ConnectionCount));
    }

    [Fact]
    public void WhatAPeerCausesIsToldOnceAMinuteWithACount()
    {
        var time = new VirtualTimeProvider();
        var warnings = new PeerWarnings(time);
        Assert.True(warnings.MayTell("a", out string more));
        Assert.Equal("", more);
        for (int i = 0; i < 24_000; i++)
            Assert.False(warnings.MayTell("a", out _));
        Assert.True(warnings.MayTell("b", out _));
        time.Advance(TimeSpan.FromMinutes(1));
        Assert.True(warnings.MayTell("a", out more));
        Assert.Contains("24000", more);
        Assert.False(warnings.MayTell("a", out _));
    }

    [Fact]
    public void RepliesThatNobodySaysHeHasSeenAreSharedToo()
    {
        var limits = new RpcLimits { TotalRememberedBytes = 8 << 20 };
        var memory = new CallMemory(limits);
        var greedy = new IncomingCalls(limits, default, memory, "greedy");
        var modest = new IncomingCalls(limits, default, memory, "modest");
        ulong kept = 0;
        while (Run(greedy, ++kept, replyBytes: 100_000) && kept < 1000)
        {
        }

        Assert.InRange(kept, 30ul, 50ul);
        Assert.True(Run(modest, 1, replyBytes: 100_000));
        greedy.Forget(new CallSequence(kept));
        Assert.True(Run(greedy, kept + 1, replyBytes: 100_000));
        greedy.Close();
        modest.Close();
        memory.CheckInvariants();
    }

    [Fact]
    public async Task AReplyOnASlowLineIsNoStall()
    {
        await using var cell = new Cell(new SocketTransport(), TimeProvider.System, seed: 1) { Timings = Impatient };
        await cell.StartServerAsync(RpcEndpoint.Parse("127.0.0.1:0"));
        await using SlowLink link = LinkTo(cell);
        (RpcClient client, CounterServiceClient stub, _) = cell.AddClient(new SocketTransport(), RpcEndpoint.Parse(link.Address.ToString()));
        Assert.True((await stub.ReadAsync(new NumberMessage(1), Patient)).IsReply);
        Assert.Equal(1_200_000, (await stub.MakeAsync(new NumberMessage(1_200_000), Patient)).Value.Bytes.Length);
        byte[] much = new byte[800_000];
        Assert.Equal(much.Length, (await stub.EchoAsync(new BytesMessage { Bytes = much }, Patient)).Value.Bytes.Length);
        Assert.Equal(1, client.Statistics.Connections);
    }

    /// <summary>Far longer than the call's deadline, and each frame behind others.</summary>
    [Fact]
    public async Task ACallTakesAsLongAsItsFramesNeedOnTheirLine()
    {
        const int Calls = 4, ReplyBytes = 150_000;
        await using var cell = new Cell(new SocketTransport(), TimeProvider.System, seed: 1);
        await cell.StartServerAsync(RpcEndpoint.Parse("127.0.0.1:0"));
        await using SlowLink link = LinkTo(cell, bytesPerSecond: 100_000);
        (RpcClient client, CounterServiceClient stub, _) = cell.AddClient(new SocketTransport(), RpcEndpoint.Parse(link.Address.ToString()));
        Assert.True((await stub.ReadAsync(new NumberMessage(1), Patient)).IsReply);
        Task<Outcome<BytesMessage>>[] calls = [.. Enumerable.Range(0, Calls).Select(_ => stub.MakeAsync(new NumberMessage(ReplyBytes), WhileBytesMove).AsTask())];
        foreach (Outcome<BytesMessage> outcome in await Task.WhenAll(calls))
            Assert.Equal(ReplyBytes, outcome.Value.Bytes.Length);
        Assert.Equal(ReplyBytes, (await stub.EchoAsync(new BytesMessage { Bytes = new byte[ReplyBytes] }, WhileBytesMove)).Value.Bytes.Length);
        Assert.Equal(1, client.Statistics.Connections);
    }

    /// <summary>Whatever moves, no call is put off for ever; and one whose frame doesn't move ends as before.</summary>
    [Fact]
    public async Task ACallOfWhichNothingMovesEndsAndNoneIsPutOffForEver()
    {
        await using var cell = new Cell(new SocketTransport(), TimeProvider.System, seed: 1) { Timings = new RpcTimings { LongestCall = TimeSpan.FromSeconds(5) } };
        await cell.StartServerAsync(RpcEndpoint.Parse("127.0.0.1:0"));
        await using SlowLink link = LinkTo(cell, bytesPerSecond: 50_000);
        (_, CounterServiceClient stub, _) = cell.AddClient(new SocketTransport(), RpcEndpoint.Parse(link.Address.ToString()));
        Assert.True((await stub.ReadAsync(new NumberMessage(1), Patient)).IsReply);
        Assert.Equal(OutcomeKind.Unknown, (await stub.HoldAsync(new NumberMessage(1), WhileBytesMove)).Kind);
        Assert.Equal(OutcomeKind.Unknown, (await stub.MakeAsync(new NumberMessage(1_500_000), WhileBytesMove)).Kind);
        Assert.InRange(link.PassedBytes, 100_000, 1_400_000);
    }

    [Fact]
    public async Task AContentOnASlowLineIsNoStall()
    {
        var bulk = new MemoryBulk();
        bulk.Contents[7] = new byte[2_000_000];
        await using var cell = new Cell(new SocketTransport(), TimeProvider.System, seed: 1) { Timings = Impatient, Bulk = bulk };
        await cell.StartServerAsync(RpcEndpoint.Parse("127.0.0.1:0"));
        await using SlowLink link = LinkTo(cell);
        (RpcClient client, _, _) = cell.AddClient(new SocketTransport(), RpcEndpoint.Parse(link.Address.ToString()));
        ReadOnlyMemory<byte> request = WireCodec.ToBytes(new NumberMessage(7));
        Outcome<long> downloaded = await client.DownloadAsync(request, static (_, _, _) => default, Patient);
        Assert.Equal(2_000_000, downloaded.Value);
        Outcome<ReadOnlyMemory<byte>> uploaded = await client.UploadAsync(request, 2_000_000, static (_, data, _) => new(data.Length), Patient);
        Assert.True(uploaded.IsReply);
        Assert.Equal(2, bulk.Opened);
    }

    /// <summary>What counts is that bytes move, and not how long the whole takes.</summary>
    [Theory]
    [InlineData(50_000, 250_000)]
    [InlineData(10_000, 60_000)]
    public async Task AContentTakesAsLongAsItsLineNeeds(int bytesPerSecond, int lengthBytes)
    {
        var bulk = new MemoryBulk();
        bulk.Contents[7] = new byte[lengthBytes];
        await using var cell = new Cell(new SocketTransport(), TimeProvider.System, seed: 1) { Bulk = bulk };
        await cell.StartServerAsync(RpcEndpoint.Parse("127.0.0.1:0"));
        await using SlowLink link = LinkTo(cell, bytesPerSecond);
        (RpcClient client, CounterServiceClient stub, _) = cell.AddClient(new SocketTransport(), RpcEndpoint.Parse(link.Address.ToString()));
        Assert.True((await stub.ReadAsync(new NumberMessage(1), Patient)).IsReply);
        ReadOnlyMemory<byte> request = WireCodec.ToBytes(new NumberMessage(7));
        Outcome<long> downloaded = await client.DownloadAsync(request, static (_, _, _) => default, WhileBytesMove);
        Assert.Equal(lengthBytes, downloaded.Value);
        Outcome<ReadOnlyMemory<byte>> uploaded = await client.UploadAsync(request, lengthBytes, static (_, data, _) => new(data.Length), WhileBytesMove);
        Assert.True(uploaded.IsReply);
        Assert.Equal(2, bulk.Opened);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AContentOfWhichNothingMovesAnyMoreEnds(bool isDownload)
    {
        var bulk = new MemoryBulk();
        bulk.Contents[7] = new byte[50_000_000];
        await using var cell = new Cell(new SocketTransport(), TimeProvider.System, seed: 1) { Bulk = bulk };
        await cell.StartServerAsync(RpcEndpoint.Parse("127.0.0.1:0"));
        await using SlowLink link = LinkTo(cell, bytesPerSecond: 100_000);
        (RpcClient client, CounterServiceClient stub, _) = cell.AddClient(new SocketTransport(), RpcEndpoint.Parse(link.Address.ToString()));
        Assert.True((await stub.ReadAsync(new NumberMessage(1), Patient)).IsReply);
        ReadOnlyMemory<byte> request = WireCodec.ToBytes(new NumberMessage(7));
        Task<OutcomeKind> transfer = isDownload ? DownloadAsync(client, request) : UploadAsync(client, request);
        await Eventually.BecomesTrueAsync(() => link.PassedBytes > 300_000);
        link.Stop();
        Assert.Equal(OutcomeKind.Unknown, await transfer.WaitAsync(TimeSpan.FromSeconds(60)));
        Assert.InRange(link.PassedBytes, 300_000, 10_000_000);
    }

    private static async Task<OutcomeKind> DownloadAsync(RpcClient client, ReadOnlyMemory<byte> request) =>
        (await client.DownloadAsync(request, static (_, _, _) => default, WhileBytesMove)).Kind;

    private static async Task<OutcomeKind> UploadAsync(RpcClient client, ReadOnlyMemory<byte> request) =>
        (await client.UploadAsync(request, 50_000_000, static (_, data, _) => new(data.Length), WhileBytesMove)).Kind;

    [Fact]
    public async Task AReconnectSendsAgainWhatTheQueueHasRoomForAndThenTheRest()
    {
        const int QueueBytes = 256 * 1024, Calls = 40;
        await using var cell = new Cell(new SocketTransport(), TimeProvider.System, seed: 1)
        {
            Timings = Impatient,
            ClientLimits = new RpcLimits { QueuedSendBytes = QueueBytes },
        };
        await cell.StartServerAsync(RpcEndpoint.Parse("127.0.0.1:0"));
        await using SlowLink link = LinkTo(cell, bytesPerSecond: 1_000_000);
        (RpcClient client, CounterServiceClient stub, _) = cell.AddClient(new SocketTransport(), RpcEndpoint.Parse(link.Address.ToString()));
        Task<Outcome<BytesMessage>>[] calls = [.. Enumerable.Range(0, Calls).Select(_ => stub.EchoAsync(new BytesMessage { Bytes = new byte[100_000] }, Patient).AsTask())];
        await Eventually.BecomesTrueAsync(() => link.PassedBytes > 1_000_000);
        long before = link.PassedBytes;
        link.Cut();
        await Eventually.BecomesTrueAsync(() => link.PassedBytes > before + 200_000);
        foreach (Outcome<BytesMessage> outcome in await Task.WhenAll(calls))
            Assert.Equal(100_000, outcome.Value.Bytes.Length);
        Assert.Equal(2, client.Statistics.Connections);
        // Nothing was sent twice that had its answer, and nothing a third time.
        Assert.InRange(client.Statistics.SentBytes, Calls * 100_000, 2 * Calls * 100_000);
    }

    private static bool Run(IncomingCalls calls, ulong sequence, int replyBytes)
    {
        if (calls.Admit(new CallSequence(sequence), default, isMutation: true, requestBytes: 100, out _) != Admission.Run)
            return false;
        calls.Finish(new CallSequence(sequence), default, new byte[replyBytes], remember: true);
        return true;
    }

    private static SlowLink LinkTo(Cell cell, int bytesPerSecond = 200_000) =>
        new(new IPEndPoint(IPAddress.Loopback, ((RpcEndpoint.Tcp)cell.Server.Endpoints[0]).Port), bytesPerSecond);

    /// <summary>A peer from an address of its own.</summary>
    private static async Task<Socket> KnockAsync(Cell cell, string from)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 4096 };
        socket.Bind(new IPEndPoint(IPAddress.Parse(from), 0));
        await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, ((RpcEndpoint.Tcp)cell.Server.Endpoints[0]).Port));
        return socket;
    }

    /// <summary>The most that is seen in the server's queues in the second from now.</summary>
    private static async Task<long> MostQueuedAsync(Cell cell)
    {
        long most = 0;
        for (int look = 0; look < 100; look++)
        {
            most = Math.Max(most, cell.Server.QueuedBytes);
            await Task.Delay(10);
        }
        return most;
    }

    private static async Task<Socket> PipelineAsync(Cell cell, ulong client, int calls, int replyBytes)
    {
        (Socket socket, SessionId session) = await HelloAsync(cell, client);
        var requests = new ArrayBufferWriter<byte>();
        for (ulong call = 1; call <= (ulong)calls; call++)
            FrameWriter.Write(requests, new RequestFrame(session, new CallSequence(call), default, 7, false, 60_000), WireCodec.ToBytes(new NumberMessage(replyBytes)));
        await socket.SendAsync(requests.WrittenMemory);
        return socket;
    }

    private static async Task<Socket> LackAByteAsync(Cell cell, ulong client, int bodyBytes)
    {
        (Socket socket, SessionId session) = await HelloAsync(cell, client);
        var request = new ArrayBufferWriter<byte>();
        FrameWriter.Write(request, new RequestFrame(session, new CallSequence(1), default, 4, false, 60_000), new byte[bodyBytes]);
        _ = SendAsync(socket, request.WrittenMemory[..^1]);
        return socket;

        static async Task SendAsync(Socket socket, ReadOnlyMemory<byte> bytes)
        {
            try
            {
                while (!bytes.IsEmpty)
                    bytes = bytes[await socket.SendAsync(bytes)..];
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // The test is over.
            }
        }
    }

    private static async Task<(Socket Socket, SessionId Session)> HelloAsync(Cell cell, ulong client)
    {
        Socket socket = await KnockAsync(cell, "127.0.0.2");
        var hello = new ArrayBufferWriter<byte>();
        FrameWriter.Write(hello, new HelloFrame(ProtocolVersion.Current, ConnectionRole.Control, new ClientId(9, client), default, Cell.Scope), default);
        await socket.SendAsync(hello.WrittenMemory);
        byte[] welcome = new byte[FrameLimits.PrefixBytes + 1 + default(WelcomeFrame).FixedBytes];
        for (int read = 0; read < welcome.Length;)
            read += await socket.ReceiveAsync(welcome.AsMemory(read));
        return (socket, WelcomeFrame.Read(welcome.AsSpan(FrameLimits.PrefixBytes + 1)).Session);
    }
}
