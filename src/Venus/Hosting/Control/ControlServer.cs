using System.Buffers.Binary;
using System.Collections.Frozen;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text.Json;
using Afs.Platform;
using Afs.Rpc;
using Afs.Venus.Cache;
using Afs.Wire;
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

    /// <summary>After an accept(2) that failed, for want of descriptors maybe: it passes when others end.</summary>
    private static readonly TimeSpan AcceptPause = TimeSpan.FromMilliseconds(100);

    private readonly PeerWarnings _warnings = new(TimeProvider.System);
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
        ClaimFolder();
        if (ControlClient.Answers(path))
            throw new HostingException(ExitCode.InUse, "Another venus is mounted there already.");
        File.Delete(path);
        _listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        _listener.Bind(new UnixDomainSocketEndPoint(path));
        File.SetUnixFileMode(path, isForEverybody ? Everybody : OwnerOnly);
        _listener.Listen(MaxConnections);
        _accepting = BackgroundWork.Watch("accepting commands", AcceptAsync());
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        _listener.Dispose();
        await _accepting;
        await WaitForLastAnswersAsync();
        File.Delete(_path);
    }

    /// <summary>A user's own folder may stand where others can make one of its name first: /tmp.</summary>
    private static void ClaimFolder()
    {
        try
        {
            if (ControlSocket.Folder() == ControlSocket.SystemFolder)
                ControlSocket.CreateSystemFolder();
            else
                PrivateFolder.Claim(ControlSocket.Folder());
        }
        catch (Exception e) when (e is PrivateFolderException or IOException or UnauthorizedAccessException)
        {
            throw new HostingException(ExitCode.Failed, $"The folder of the control socket can't be used. {e.Message}", e);
        }
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
                Socket client = await _listener.AcceptAsync(_stopping.Token);
                BackgroundWork.Start("a command", () => ServeAsync(client), (_, e) => TellFailed("somebody", e));
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                _room.Release();
                if (_stopping.IsCancellationRequested)
                    continue;
                if (_warnings.MayTell("the socket", nameof(LogAcceptFailed), out string more))
                    LogAcceptFailed(e.Message, more);
                await Task.Delay(AcceptPause);
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
        string who = "somebody";
        try
        {
            using var stream = new NetworkStream(client, ownsSocket: true);
            Requester asker = PeerCredentials.Read(client);
            who = $"user {asker.Uid}";
            await AnswerAsync(stream, asker);
        }
        catch (Exception e) when (e is IOException or JsonException or OperationCanceledException or HostingException or SocketException)
        {
            TellFailed(who, e);
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

    /// <exception cref="IOException">It is too long, or doesn't end.</exception>
    /// <exception cref="JsonException">It is no request.</exception>
    internal static async Task<ControlRequest> ReadAsync(Stream stream)
    {
        using var timeout = new CancellationTokenSource(RequestTimeout);
        byte[] line = await new ControlLines(stream, ControlLines.MostRequestBytes).ReadAsync(timeout.Token);
        return JsonSerializer.Deserialize(line, ControlJson.Default.ControlRequest) ?? throw new JsonException("The request is null.");
    }

    private void TellFailed(string who, Exception e)
    {
        if (_warnings.MayTell(who, nameof(LogRequestFailed), out string more))
            LogRequestFailed(e.Message, more);
    }

    [LoggerMessage(EventId = 901, Level = LogLevel.Warning, Message = "The control socket can't accept: {Reason}{More}")]
    private partial void LogAcceptFailed(string reason, string more);

    [LoggerMessage(EventId = 903, Level = LogLevel.Warning, Message = "The daemon ends while commands wait for their answers")]
    private partial void LogAnswersLeft();

    [LoggerMessage(EventId = 902, Level = LogLevel.Warning, Message = "A request on the control socket failed: {Reason}{More}")]
    private partial void LogRequestFailed(string reason, string more);
}

/// <summary>Does what is asked on the control socket.</summary>
internal interface IControlHandler
{
    /// <summary>Sends at least one reply. The request is of the right form, and its content is not checked yet.</summary>
    /// <param name="ending">The daemon ends.</param>
    Task AnswerAsync(ControlRequest request, Requester asker, ControlAnswer answer, CancellationToken ending);
}

/// <summary>The way back to who asked: one line, or many.</summary>
internal sealed class ControlAnswer(NetworkStream stream, CancellationToken ending) : IDisposable
{
    /// <summary>For one line to somebody who doesn't read.</summary>
    private static readonly TimeSpan SendTimeout = TimeSpan.FromSeconds(10);

    private readonly CancellationTokenSource _gone = CancellationTokenSource.CreateLinkedTokenSource(ending);

    /// <exception cref="OperationCanceledException">They don't read.</exception>
    public async Task SendAsync(ControlReply reply)
    {
        using var limit = new CancellationTokenSource(SendTimeout);
        await SendAsync(reply, limit.Token);
    }

    /// <summary>Waits for a slow reader until it is cancelled.</summary>
    public Task SendAsync(ControlReply reply, CancellationToken cancellation) =>
        ControlLines.WriteAsync(stream, JsonSerializer.SerializeToUtf8Bytes(reply, ControlJson.Default.ControlReply), cancellation);

    /// <summary>Set when who asked has gone, or the daemon ends. From here on the connection is read for its end; they have nothing more to say.</summary>
    public CancellationToken WatchForEnd()
    {
        BackgroundWork.Start("waiting for the end of who asked", ReadEndAsync);
        return _gone.Token;
    }

    public void Dispose() => _gone.Dispose();

    private async Task ReadEndAsync()
    {
        try
        {
            await ReadToEndAsync();
            await _gone.CancelAsync();
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
        {
            // The answer was complete, or the daemon ends.
        }
    }

    /// <summary>Whatever comes, or nothing, or an error: it is the end, for there was nothing more to say.</summary>
    private async Task ReadToEndAsync()
    {
        try
        {
            _ = await stream.ReadAtLeastAsync(new byte[1], 1, throwOnEndOfStream: false, _gone.Token);
        }
        catch (IOException)
        {
        }
    }
}

/// <summary>Who is at the other end of a Unix socket, by the kernel: SO_PEERCRED and SO_PEERGROUPS of unix(7), as of when they connected.</summary>
internal static partial class PeerCredentials
{
    private const int SolSocket = 1, PeerCredential = 17, PeerGroups = 59;
    private const int CredentialBytes = 12, IdBytes = 4;

    /// <summary>NGROUPS_MAX of Linux.</summary>
    private const int MostGroups = 65_536;

    /// <exception cref="SocketException">The kernel doesn't say.</exception>
    public static Requester Read(Socket socket)
    {
        // struct ucred: pid, uid, gid.
        Span<byte> credential = stackalloc byte[CredentialBytes];
        if (socket.GetRawSocketOption(SolSocket, PeerCredential, credential) != CredentialBytes)
            throw new SocketException((int)SocketError.ProtocolOption);
        uint uid = BinaryPrimitives.ReadUInt32LittleEndian(credential[IdBytes..]);
        uint gid = BinaryPrimitives.ReadUInt32LittleEndian(credential[(2 * IdBytes)..]);
        bool isOwner = uid == 0 || uid == GetEffectiveUid();
        return new Requester(uid, gid, isOwner ? [] : ReadGroups(socket), isOwner);
    }

    private static List<uint> ReadGroups(Socket socket)
    {
        byte[] groups = new byte[MostGroups * IdBytes];
        int length = socket.GetRawSocketOption(SolSocket, PeerGroups, groups);
        return [.. MemoryMarshal.Cast<byte, uint>(groups.AsSpan(0, length)).ToArray()];
    }

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint GetEffectiveUid();
}

/// <summary>Failures as a person reads them, and what a command then ends with.</summary>
internal static class FailureText
{
    private static readonly FrozenDictionary<AbortCode, (ExitCode Code, string Text)> OfAborts = new Dictionary<AbortCode, (ExitCode, string)>
    {
        [AbortCodes.NameNotFound] = (ExitCode.NoSuchPath, "there is no such file or folder"),
        [AbortCodes.NoVnode] = (ExitCode.NoSuchPath, "it was removed"),
        [AbortCodes.NotADirectory] = (ExitCode.NoSuchPath, "a part of its path is no folder"),
        [AbortCodes.BadName] = (ExitCode.NoSuchPath, "it is no path that a file can have"),
        [AbortCodes.NotPermitted] = (ExitCode.NoPermission, "permission denied"),
        [AbortCodes.NoSpace] = (ExitCode.NotStored, "the server's disk is full"),
        [AbortCodes.ServerDiskFailed] = (ExitCode.Failed, "the server's disk failed"),
    }.ToFrozenDictionary();

    public static string Of(Failure failure) => Explain(failure).Text;

    public static ControlReply Refuse(string path, Failure failure)
    {
        (ExitCode code, string text) = Explain(failure);
        return ControlReply.Refuse(code, $"{path}: {text}");
    }

    private static (ExitCode Code, string Text) Explain(Failure failure) => failure.Kind switch
    {
        FailureKind.Refused => OfAborts.GetValueOrDefault(failure.Abort, (ExitCode.Failed, $"the server refuses ({failure.Abort})")),
        FailureKind.Unreachable => (ExitCode.ServerUnreachable, "the server can't be reached"),
        FailureKind.InDoubt => (ExitCode.ServerUnreachable, "the server didn't answer; it may have been done"),
        FailureKind.Interrupted => (ExitCode.Failed, "interrupted"),
        FailureKind.CacheFull => (ExitCode.CacheFull, "the cache has no room for it"),
        FailureKind.CacheDiskFailed => (ExitCode.CacheUnusable, "the cache's disk failed"),
        FailureKind.RemovedMeanwhile => (ExitCode.NotStored, "it was removed meanwhile; its data is in the recovered folder"),
        FailureKind.ContentDamaged => (ExitCode.Failed, "its content came damaged, more than once"),
        FailureKind.RefusedBehind => (ExitCode.NotStored, "the server refused something that was changed here before; the log of the daemon says what"),
        FailureKind.ServerMisbehaved => (ExitCode.Failed, "what the server said of it can't be; the daemon's log says more"),
        FailureKind.ShuttingDown => (ExitCode.NotMounted, "the mount ends"),
        _ => (ExitCode.Failed, failure.ToString()),
    };
}
