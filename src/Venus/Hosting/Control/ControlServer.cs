using System.Net.Sockets;
using System.Text.Json;
using Microsoft.Extensions.Logging;

namespace Afs.Venus.Hosting;

/// <summary>Answers commands on the control socket: one line in, one line out, per connection. At most <see cref="MaxConnections"/> at a time.</summary>
internal sealed partial class ControlServer : IAsyncDisposable
{
    private const int MaxConnections = 16;
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(5);

    /// <summary>How long the end of the daemon waits for whoever is being answered.</summary>
    private static readonly TimeSpan LastAnswersTimeout = TimeSpan.FromSeconds(2);

    private readonly string _path;
    private readonly Socket _listener;
    private readonly Func<ControlRequest, CancellationToken, Task<ControlReply>> _handle;
    private readonly ILogger _log;
    private readonly CancellationTokenSource _stopping = new();
    private readonly SemaphoreSlim _room = new(MaxConnections, MaxConnections);
    private readonly Task _accepting;

    /// <exception cref="HostingException">A daemon answers there already.</exception>
    public ControlServer(string path, Func<ControlRequest, CancellationToken, Task<ControlReply>> handle, ILogger log)
    {
        (_path, _handle, _log) = (path, handle, log);
        ControlSocket.CreateFolder();
        if (ControlClient.Answers(path))
            throw new HostingException(ExitCode.InUse, "Another venus is mounted there already.");
        File.Delete(path);
        _listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        _listener.Bind(new UnixDomainSocketEndPoint(path));
        File.SetUnixFileMode(path, OwnerOnly);
        _listener.Listen(MaxConnections);
        _accepting = AcceptAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        _listener.Dispose();
        await _accepting;
        await WaitForLastAnswersAsync();
        File.Delete(_path);
    }

    private async Task WaitForLastAnswersAsync()
    {
        using var limit = new CancellationTokenSource(LastAnswersTimeout);
        try
        {
            for (int i = 0; i < MaxConnections; i++)
                await _room.WaitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            LogAnswersLeft();
        }
    }

    private async Task AcceptAsync()
    {
        while (await TakeRoomAsync())
        {
            try
            {
                _ = ServeAsync(await _listener.AcceptAsync(_stopping.Token));
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                _room.Release();
                if (!_stopping.IsCancellationRequested)
                    LogAcceptFailed(e.Message);
            }
        }
    }

    /// <summary>Room for one more connection. False: the daemon ends.</summary>
    private async Task<bool> TakeRoomAsync()
    {
        try
        {
            await _room.WaitAsync(_stopping.Token);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private async Task ServeAsync(Socket client)
    {
        try
        {
            using var stream = new NetworkStream(client, ownsSocket: true);
            ControlRequest request = await ReadAsync(stream);
            ControlReply reply = await _handle(request, _stopping.Token);
            await ControlLine.WriteAsync(stream, JsonSerializer.SerializeToUtf8Bytes(reply, ControlJson.Default.ControlReply), CancellationToken.None);
        }
        catch (Exception e) when (e is IOException or JsonException or OperationCanceledException or HostingException)
        {
            LogRequestFailed(e.Message);
        }
        finally
        {
            _room.Release();
        }
    }

    private static async Task<ControlRequest> ReadAsync(NetworkStream stream)
    {
        using var timeout = new CancellationTokenSource(RequestTimeout);
        byte[] line = await ControlLine.ReadAsync(stream, timeout.Token);
        return JsonSerializer.Deserialize(line, ControlJson.Default.ControlRequest) ?? throw new JsonException("The request is null.");
    }

    [LoggerMessage(EventId = 901, Level = LogLevel.Warning, Message = "The control socket can't accept: {Reason}")]
    private partial void LogAcceptFailed(string reason);

    [LoggerMessage(EventId = 903, Level = LogLevel.Warning, Message = "The daemon ends while commands wait for their answers")]
    private partial void LogAnswersLeft();

    [LoggerMessage(EventId = 902, Level = LogLevel.Warning, Message = "A request on the control socket failed: {Reason}")]
    private partial void LogRequestFailed(string reason);
}
