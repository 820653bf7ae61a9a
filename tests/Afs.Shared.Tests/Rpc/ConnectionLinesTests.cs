using Afs.Rpc;

namespace Afs.Shared.Tests.Rpc;

/// <summary>A server that ends each connection, for another reason each time, fills no client's log.</summary>
public sealed class ConnectionLinesTests
{
    private const int Connections = 40;

    private static readonly CallContext Patient = new() { Deadline = TimeSpan.FromSeconds(60) };

    [Fact]
    public async Task LinesOfConnectionsAreToldOnceAMinuteEachWithACount()
    {
        var log = new RecordingLogger();
        var time = new ShiftedTime();
        await using var cell = new Cell(new SocketTransport(), time, seed: 1)
        {
            Timings = new RpcTimings { Reconnect = new BackOff(TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(1)) },
            ClientLog = log,
        };
        await cell.StartServerAsync(RpcEndpoint.Parse("127.0.0.1:0"));
        (RpcClient client, CounterServiceClient stub, _) = cell.AddClient(new SocketTransport(), cell.Server.Endpoints[0]);
        await DropAsync(client, stub);
        Assert.Single(log.Lines, static line => line.StartsWith("Connected to", StringComparison.Ordinal));
        Assert.Single(log.Lines, static line => line.StartsWith("Not connected to", StringComparison.Ordinal));

        // What is so at the end is told, with what was left out.
        time.Shift = TimeSpan.FromMinutes(1);
        await DropAsync(client, stub);
        string connected = Assert.Single(log.Lines.Skip(2), static line => line.StartsWith("Connected to", StringComparison.Ordinal));
        string notConnected = Assert.Single(log.Lines.Skip(2), static line => line.StartsWith("Not connected to", StringComparison.Ordinal));
        Assert.Contains($"{Connections} more lines", connected);
        Assert.Contains($"{Connections - 1} more lines", notConnected);
    }

    /// <summary>A first trouble that isn't told, because another was a moment before, is told when the minute is over: the log doesn't end with a connection that isn't there.</summary>
    [Fact]
    public async Task ATroubleThatLastsIsTold()
    {
        var log = new RecordingLogger();
        var time = new ShiftedTime();
        await using var cell = new Cell(new SocketTransport(), time, seed: 1)
        {
            Timings = new RpcTimings { Reconnect = new BackOff(TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(1)) },
            ClientLog = log,
        };
        await cell.StartServerAsync(RpcEndpoint.Parse("127.0.0.1:0"));
        (RpcClient client, CounterServiceClient stub, _) = cell.AddClient(new SocketTransport(), cell.Server.Endpoints[0]);
        await DropAsync(client, stub);
        await cell.Server.DisposeAsync();
        await Eventually.BecomesTrueAsync(() => client.Trouble?.Contains("no connection to", StringComparison.Ordinal) == true);
        Assert.DoesNotContain(log.Lines, static line => line.Contains("no connection to", StringComparison.Ordinal));
        time.Shift = TimeSpan.FromMinutes(1);
        await Eventually.BecomesTrueAsync(() => log.Lines.Any(static line => line.Contains("no connection to", StringComparison.Ordinal)));
    }

    private static async Task DropAsync(RpcClient client, CounterServiceClient stub)
    {
        for (int i = 0; i < Connections; i++)
        {
            Assert.True((await stub.ReadAsync(new NumberMessage(1), Patient)).IsReply);
            client.Reconnect($"reason {i}");
        }

        Assert.True((await stub.ReadAsync(new NumberMessage(1), Patient)).IsReply);
    }

    /// <summary>The real time, some time later.</summary>
    private sealed class ShiftedTime : TimeProvider
    {
        private long _shift;

        public TimeSpan Shift
        {
            set => Volatile.Write(ref _shift, (long)(value.TotalSeconds * TimestampFrequency));
        }

        public override long GetTimestamp() => base.GetTimestamp() + Volatile.Read(ref _shift);
    }
}
