using System.Net.Sockets;
using System.Text.Json;
using Afs.Venus.Cache;
using Microsoft.Extensions.Logging;

namespace Afs.Venus.Hosting;

/// <summary>
/// Answers commands on the control socket: one request a connection. At most <see cref="MaxConnections"/> at a time, of which those who are not
/// the owner can take <see cref="MaxOfOthers"/>. Who asks is what the kernel says of the peer.
/// </summary>
internal sealed partial class ControlServer : IAsyncDisposable
{
    private const int MaxConnections = 64;
    private const int MaxOfOthers = 32;
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode Everybody = OwnerOnly | UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;
    private static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(5);

    /// <summary>How long the end of the daemon waits for whoever is being answered.</summary>
    private static readonly TimeSpan LastAnswersTimeout = TimeSpan.FromSeconds(2);

    private readonly string _path;
    private readonly Socket _listener;
    private readonly IControlHandler _handler;
    private readonly ILogger _log;
    private readonly CancellationTokenSource _stopping = new();
    private readonly SemaphoreSlim _room = new(MaxConnections, MaxConnections);
    private readonly Task _accepting;
    private int _others;

    /// <exception cref="HostingException">A daemon answers there already.</exception>
    public ControlServer(string path, bool isForEverybody, IControlHandler handler, ILogger log)
    {
        (_path, _handler, _log) = (path, handler, log);
        ControlSocket.CreateFolder();
        if (ControlClient.Answers(path))
            throw new HostingException(ExitCode.InUse, "Another venus is mounted there already.");
        File.Delete(path);
        _listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        _listener.Bind(new UnixDomainSocketEndPoint(path));
        File.SetUnixFileMode(path, isForEverybody ? Everybody : OwnerOnly);
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
            await AnswerAsync(stream, PeerCredentials.Read(client));
        }
        catch (Exception e) when (e is IOException or JsonException or OperationCanceledException or HostingException or SocketException)
        {
            LogRequestFailed(e.Message);
        }
        finally
        {
            _room.Release();
        }
    }

    private async Task AnswerAsync(NetworkStream stream, Requester asker)
    {
        using var answer = new ControlAnswer(stream, _stopping.Token);
        if (asker.IsOwner)
        {
            await _handler.AnswerAsync(await ReadAsync(stream), asker, answer, _stopping.Token);
            return;
        }
        try
        {
            if (Interlocked.Increment(ref _others) > MaxOfOthers)
                await answer.SendAsync(ControlReply.Refuse(ExitCode.Busy, "The daemon answers too many at this moment."));
            else
                await _handler.AnswerAsync(await ReadAsync(stream), asker, answer, _stopping.Token);
        }
        finally
        {
            Interlocked.Decrement(ref _others);
        }
    }

    private static async Task<ControlRequest> ReadAsync(NetworkStream stream)
    {
        using var timeout = new CancellationTokenSource(RequestTimeout);
        byte[] line = await new ControlLines(stream, ControlLines.MostRequestBytes).ReadAsync(timeout.Token);
        return JsonSerializer.Deserialize(line, ControlJson.Default.ControlRequest) ?? throw new JsonException("The request is null.");
    }

    [LoggerMessage(EventId = 901, Level = LogLevel.Warning, Message = "The control socket can't accept: {Reason}")]
    private partial void LogAcceptFailed(string reason);

    [LoggerMessage(EventId = 903, Level = LogLevel.Warning, Message = "The daemon ends while commands wait for their answers")]
    private partial void LogAnswersLeft();

    [LoggerMessage(EventId = 902, Level = LogLevel.Warning, Message = "A request on the control socket failed: {Reason}")]
    private partial void LogRequestFailed(string reason);
}
