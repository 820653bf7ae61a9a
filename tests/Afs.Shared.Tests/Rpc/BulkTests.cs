using Afs.Rpc;

namespace Afs.Shared.Tests.Rpc;

/// <summary>Bulk transfer: over every transport, retried, bounded, and out of the way of calls.</summary>
public sealed class BulkTests
{
    private static readonly RpcEndpoint Server = new RpcEndpoint.Memory("server");
    private static readonly CallContext Patient = new() { Deadline = TimeSpan.FromMinutes(5) };

    public static TheoryData<string, int> Transfers
    {
        get
        {
            var data = new TheoryData<string, int>();
            int chunk = new RpcLimits().ChunkBytes;
            foreach (string transport in new[] { "127.0.0.1:0", "unix", "memory" })
            {
                foreach (int length in new[] { 0, 1, chunk - 1, chunk, chunk + 1, (3 * chunk) + 17 })
                    data.Add(transport, length);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Transfers))]
    public async Task ContentGoesThereAndBack(string kind, int lengthBytes)
    {
        var network = new MemoryNetwork(TimeProvider.System, new Random(1));
        ITransport serverSide = kind == "memory" ? network.TransportOf("server") : new SocketTransport();
        ITransport clientSide = kind == "memory" ? network.TransportOf("client") : serverSide;
        RpcEndpoint endpoint = kind switch
        {
            "memory" => Server,
            "unix" => RpcEndpoint.Parse($"unix:{Path.GetTempPath()}/afs-bulk-{Guid.NewGuid():N}.sock"),
            _ => RpcEndpoint.Parse(kind),
        };
        var bulk = new MemoryBulk();
        await using var cell = new Cell(serverSide, TimeProvider.System, seed: 1) { Bulk = bulk };
        await cell.StartServerAsync(endpoint);
        (RpcClient client, _, _) = cell.AddClient(clientSide, cell.Server.Endpoints[0]);
        byte[] content = Content(lengthBytes);

        Outcome<ReadOnlyMemory<byte>> up = await UploadAsync(client, 1, content);
        Assert.Equal(lengthBytes, WireCodec.FromBytes<NumberMessage>(up.Value).Value);
        var back = new MemoryStream();
        Outcome<long> down = await DownloadAsync(client, 1, back);
        Assert.Equal(lengthBytes, down.Value);
        Assert.Equal(content, back.ToArray());
        Assert.Equal(lengthBytes, client.Statistics.BulkSentBytes);
        Assert.Equal(lengthBytes, client.Statistics.BulkReceivedBytes);
        Assert.Equal(bulk.Opened, await Eventually.GetAsync(bulk.Opened, () => bulk.Disposed));
    }

    [Fact]
    public async Task ARefusalComesThrough()
    {
        await using var cell = new Cell(new SocketTransport(), TimeProvider.System, seed: 1) { Bulk = new MemoryBulk() };
        await cell.StartServerAsync(RpcEndpoint.Parse("127.0.0.1:0"));
        (RpcClient client, _, _) = cell.AddClient(new SocketTransport(), cell.Server.Endpoints[0]);
        Outcome<long> outcome = await DownloadAsync(client, 99, new MemoryStream());
        Assert.Equal(MemoryBulk.NoSuchContent, outcome.Abort);
    }

    [Fact]
    public async Task AServerWithoutBulkSaysSo()
    {
        await using var cell = new Cell(new SocketTransport(), TimeProvider.System, seed: 1);
        await cell.StartServerAsync(RpcEndpoint.Parse("127.0.0.1:0"));
        (RpcClient client, _, _) = cell.AddClient(new SocketTransport(), cell.Server.Endpoints[0]);
        Assert.Equal(RpcAbortCodes.NoService, (await DownloadAsync(client, 1, new MemoryStream())).Abort);
    }

    [Fact]
    public void AnUploadWhoseReplyWasLostIsExecutedOnce() => InVirtualTime(async (world, network, cell, bulk) =>
    {
        (RpcClient client, _, _) = cell.AddClient(network.TransportOf("client"), Server);
        bool isFirst = true;
        bulk.OnComplete = () =>
        {
            if (isFirst)
                network.Crash("client", tellPeers: true);
            isFirst = false;
            return Task.CompletedTask;
        };
        Outcome<ReadOnlyMemory<byte>> outcome = await UploadAsync(client, 3, Content(100));
        Assert.True(outcome.IsReply);
        Assert.Single(bulk.Completed);
    });

    [Fact]
    public void AnUploadThatBrokeOffRunsAgainFromItsBeginning() => InVirtualTime(async (world, network, cell, bulk) =>
    {
        (RpcClient client, _, _) = cell.AddClient(network.TransportOf("client"), Server);
        byte[] content = Content(3 * new RpcLimits().ChunkBytes);
        bool isFirst = true;
        Outcome<ReadOnlyMemory<byte>> outcome = await client.UploadAsync(
            Name(3),
            content.Length,
            (offset, destination, _) =>
            {
                if (offset > 0 && isFirst)
                {
                    isFirst = false;
                    network.Crash("client", tellPeers: true);
                }

                content.AsMemory((int)offset, destination.Length).CopyTo(destination);
                return new ValueTask<int>(destination.Length);
            },
            Patient);
        Assert.True(outcome.IsReply);
        Assert.Single(bulk.Completed);
        Assert.Equal(content, bulk.Contents[3]);
        Assert.Equal(2, bulk.Opened);
        Assert.Equal(2, bulk.Disposed);
    });

    [Fact]
    public void ADeadServerIsNoticed() => InVirtualTime(async (world, network, cell, bulk) =>
    {
        (RpcClient client, _, _) = cell.AddClient(network.TransportOf("client"), Server);
        bulk.Contents[1] = Content(2 * new RpcLimits().ChunkBytes);
        bulk.OnMove = async offset =>
        {
            if (offset == 0)
                return;
            await Task.Delay(TimeSpan.FromSeconds(1), world.Time, CancellationToken.None);
            network.Cut("server", "client");
        };
        long before = world.Time.GetTimestamp();
        Outcome<long> outcome = await DownloadAsync(client, 1, new MemoryStream());
        Assert.Equal(OutcomeKind.Unknown, outcome.Kind);
        Assert.InRange(world.Time.GetElapsedTime(before), TimeSpan.Zero, 2 * new RpcTimings().BulkProgress);
    });

    [Fact]
    public void ASlowServiceIsWaitedFor() => InVirtualTime(async (world, network, cell, bulk) =>
    {
        (RpcClient client, _, _) = cell.AddClient(network.TransportOf("client"), Server);
        bulk.OnComplete = () => Task.Delay(TimeSpan.FromMinutes(2), world.Time, CancellationToken.None);
        Outcome<ReadOnlyMemory<byte>> outcome = await UploadAsync(client, 3, Content(100));
        Assert.True(outcome.IsReply);
        Assert.Single(bulk.Completed);
        Assert.Equal(1, bulk.Opened);
    });

    [Fact]
    public void ACancelledDownloadEndsAndTheNextOneWorks() => InVirtualTime(async (world, network, cell, bulk) =>
    {
        (RpcClient client, _, _) = cell.AddClient(network.TransportOf("client"), Server);
        bulk.Contents[1] = Content(5 * new RpcLimits().ChunkBytes);
        using var cancel = new CancellationTokenSource();
        Outcome<long> outcome = await client.DownloadAsync(
            Name(1),
            (offset, _, _) =>
            {
                cancel.Cancel();
                return default;
            },
            Patient with { Cancellation = cancel.Token });
        Assert.Equal(OutcomeKind.Unknown, outcome.Kind);
        Assert.Equal(bulk.Contents[1].Length, (await DownloadAsync(client, 1, new MemoryStream())).Value);
        Assert.Equal(2, bulk.Disposed);
    });

    [Fact]
    public async Task TheCallersOwnFailureReachesTheCaller()
    {
        var bulk = new MemoryBulk();
        bulk.Contents[1] = Content(10);
        await using var cell = new Cell(new SocketTransport(), TimeProvider.System, seed: 1) { Bulk = bulk };
        await cell.StartServerAsync(RpcEndpoint.Parse("127.0.0.1:0"));
        (RpcClient client, _, _) = cell.AddClient(new SocketTransport(), cell.Server.Endpoints[0]);
        await Assert.ThrowsAsync<IOException>(async () =>
            await client.DownloadAsync(Name(1), (_, _, _) => throw new IOException("disk full"), Patient));
    }

    [Fact]
    public void ACallIsNotHeldUpByTransfers() => InVirtualTime(async (world, network, cell, bulk) =>
    {
        (RpcClient client, CounterServiceClient stub, _) = cell.AddClient(network.TransportOf("client"), Server);
        bulk.Contents[1] = Content(1000);
        bulk.OnMove = _ => Task.Delay(TimeSpan.FromSeconds(15), world.Time, CancellationToken.None);
        Task<Outcome<long>>[] downloads = [.. Enumerable.Range(0, 10).Select(_ => DownloadAsync(client, 1, new MemoryStream()).AsTask())];
        await Task.Delay(TimeSpan.FromSeconds(1), world.Time, CancellationToken.None);
        long before = world.Time.GetTimestamp();
        Assert.True((await stub.ReadAsync(new NumberMessage(1), Patient)).IsReply);
        var back = new NotifyServiceClient(cell.Sessions.Channels.Values.Single());
        Assert.True((await back.NotifyAsync(new NumberMessage(1), Patient)).IsReply);
        Assert.InRange(world.Time.GetElapsedTime(before), TimeSpan.Zero, 4 * network.Options.MaxDelay);
        Assert.InRange(cell.Server.ConnectionCount, 1, 1 + new RpcLimits().BulkConnections);
        Assert.All(await Task.WhenAll(downloads), outcome => Assert.True(outcome.IsReply));
    });

    private static void InVirtualTime(Func<VirtualWorld, MemoryNetwork, Cell, MemoryBulk, Task> story)
    {
        var world = new VirtualWorld();
        world.Run(
            async () =>
            {
                var network = new MemoryNetwork(world.Time, new Random(1));
                var bulk = new MemoryBulk();
                await using var cell = new Cell(network.TransportOf("server"), world.Time, seed: 1) { Bulk = bulk };
                await cell.StartServerAsync(Server);
                await story(world, network, cell, bulk);
            },
            TimeSpan.FromHours(1));
    }

    private static byte[] Name(long name) => WireCodec.ToBytes(new NumberMessage(name));

    private static byte[] Content(int lengthBytes)
    {
        byte[] content = new byte[lengthBytes];
        new Random(lengthBytes).NextBytes(content);
        return content;
    }

    private static ValueTask<Outcome<ReadOnlyMemory<byte>>> UploadAsync(RpcClient client, long name, byte[] content) => client.UploadAsync(
        Name(name),
        content.Length,
        (offset, destination, _) =>
        {
            content.AsMemory((int)offset, destination.Length).CopyTo(destination);
            return new ValueTask<int>(destination.Length);
        },
        Patient);

    private static ValueTask<Outcome<long>> DownloadAsync(RpcClient client, long name, MemoryStream target) => client.DownloadAsync(
        Name(name),
        (offset, data, _) =>
        {
            Assert.Equal(target.Length, offset);
            target.Write(data.Span);
            return default;
        },
        Patient);
}
