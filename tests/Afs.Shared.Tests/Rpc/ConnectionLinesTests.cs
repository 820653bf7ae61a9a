using Afs.Rpc;

namespace Afs.Shared.Tests.Rpc;

/// <summary>A server that ends each connection, for another reason each time, fills no client's log.</summary>
public sealed class ConnectionLinesTests : IAsyncLifetime
{
    private const int Connections = 40;

    private static readonly CallContext Patient = new() { Deadline = TimeSpan.FromSeconds(60) };

    private readonly RecordingLogger _log = new();
    private readonly ShiftedTime _time = new();
    private readonly Cell _cell;
    private RpcClient _client = null!;
    private CounterServiceClient _stub = null!;

    public ConnectionLinesTests() => _cell = new Cell(new SocketTransport(), _time, seed: 1)
    {
        Timings = new RpcTimings { Reconnect = new BackOff(TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(1)) },
        ClientLog = _log,
    };

    public async ValueTask InitializeAsync()
    {
        await _cell.StartServerAsync(RpcEndpoint.Parse("127.0.0.1:0"));
        (_client, _stub, _) = _cell.AddClient(new SocketTransport(), _cell.Server.Endpoints[0]);
    }

    public ValueTask DisposeAsync() => _cell.DisposeAsync();

    [Fact]
    public async Task LinesOfConnectionsAreToldOnceAMinuteEachWithACount()
    {
        await DropAsync();
        Assert.Single(_log.Lines, static line => line.StartsWith("Connected to", StringComparison.Ordinal));
        Assert.Single(_log.Lines, static line => line.StartsWith("Not connected to", StringComparison.Ordinal));

        // What is so at the end is told, with what was left out.
        _time.Shift = TimeSpan.FromMinutes(1);
        await DropAsync();
        string connected = Assert.Single(_log.Lines.Skip(2), static line => line.StartsWith("Connected to", StringComparison.Ordinal));
        string notConnected = Assert.Single(_log.Lines.Skip(2), static line => line.StartsWith("Not connected to", StringComparison.Ordinal));
        Assert.Contains($"{Connections} more lines", connected);
        Assert.Contains($"{Connections - 1} more lines", notConnected);
    }

    /// <summary>A first trouble that isn't told, because another was a moment before, is told when the minute is over: the log doesn't end with a connection that isn't there.</summary>
    [Fact]
    public async Task ATroubleThatLastsIsTold()
    {
        await DropAsync();
        await _cell.Server.DisposeAsync();
        await Eventually.BecomesTrueAsync(() => _client.Trouble?.Contains("no connection to", StringComparison.Ordinal) == true);
        Assert.DoesNotContain(_log.Lines, static line => line.Contains("no connection to", StringComparison.Ordinal));
        _time.Shift = TimeSpan.FromMinutes(1);
        await Eventually.BecomesTrueAsync(() => _log.Lines.Any(static line => line.Contains("no connection to", StringComparison.Ordinal)));
    }

    private async Task DropAsync()
    {
        for (int i = 0; i < Connections; i++)
        {
            Assert.True((await _stub.ReadAsync(new NumberMessage(1), Patient)).IsReply);
            _client.Reconnect($"reason {i}");
        }

        Assert.True((await _stub.ReadAsync(new NumberMessage(1), Patient)).IsReply);
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
