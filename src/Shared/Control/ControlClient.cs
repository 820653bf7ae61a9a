using System.Buffers.Binary;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Afs.Control;

/// <summary>Asks the daemon of a mount.</summary>
public static partial class ControlClient
{
    /// <summary>SO_PEERCRED of unix(7): struct ucred has pid, uid and gid.</summary>
    private const int SolSocket = 1, PeerCredential = 17, CredentialBytes = 12, UidOffset = 4;

    /// <summary>How long a daemon may take to say how it is, on a machine that is busy.</summary>
    public static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(15);

    /// <summary>The last line of the answer. Null: no daemon listens there, or this user may not ask it.</summary>
    /// <exception cref="ControlException">The daemon ended before it had answered, or says what no daemon says.</exception>
    public static async Task<ControlReply?> TryAskAsync(string socketPath, ControlRequest request, CancellationToken cancellation)
    {
        ControlReply? last = null;
        await foreach (ControlReply reply in AskAllAsync(socketPath, request, cancellation))
            last = reply;
        return last;
    }

    /// <summary>As above, of a daemon that should answer at once.</summary>
    /// <exception cref="ControlException">As above; or it doesn't answer within <see cref="AnswerLimit"/>.</exception>
    public static async Task<ControlReply?> TryAskSoonAsync(string socketPath, ControlRequest request, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(AnswerLimit);
        try
        {
            return await TryAskAsync(socketPath, request, limit.Token);
        }
        catch (OperationCanceledException e) when (!cancellation.IsCancellationRequested)
        {
            throw new ControlException(ExitCode.Failed, "The daemon doesn't answer.", e);
        }
    }

    /// <summary>All lines of the answer as they come; none where no daemon listens.</summary>
    /// <exception cref="ControlException">The daemon ended before it had answered, or says what no daemon says.</exception>
    public static async IAsyncEnumerable<ControlReply> AskAllAsync(
        string socketPath, ControlRequest request, [EnumeratorCancellation] CancellationToken cancellation)
    {
        using Socket? socket = await TryConnectAsync(socketPath, cancellation);
        if (socket is null)
            yield break;
        using var stream = new NetworkStream(socket);
        var lines = new ControlLines(stream);
        await ControlLines.WriteAsync(stream, JsonSerializer.SerializeToUtf8Bytes(request, ControlJson.Default.ControlRequest), cancellation);
        ControlReply reply;
        do
        {
            reply = await ReadAsync(lines, cancellation);
            yield return reply;
        }
        while (reply.HasMore);
    }

    /// <exception cref="ControlException">No daemon listens for that mount point, or it refuses.</exception>
    public static async Task<ControlReply> AskAsync(string mountPoint, ControlRequest request, CancellationToken cancellation)
    {
        ControlReply reply = await TryAskAsync(ControlSocket.PathOf(mountPoint), request, cancellation)
            ?? throw new ControlException(ExitCode.NotMounted, $"No venus is mounted at {mountPoint}.");
        return reply.Code == ExitCode.Done ? reply : throw new ControlException(reply.Code, reply.Message ?? "The daemon refuses.");
    }

    /// <summary>A daemon listens there.</summary>
    public static bool Answers(string socketPath) => PeerOf(socketPath) is { } peer && !KilledDaemon.Is(peer);

    /// <summary>What listens there is left of a <see cref="KilledDaemon"/>.</summary>
    public static bool IsLeftBehind(string socketPath) => PeerOf(socketPath) is { } peer && KilledDaemon.Is(peer);

    /// <summary>The process that listens there; null: none.</summary>
    private static int? PeerOf(string socketPath)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(socketPath));
            return ReadCredential(socket)?.ProcessId;
        }
        catch (SocketException)
        {
            return null;
        }
    }

    private static async Task<Socket?> TryConnectAsync(string socketPath, CancellationToken cancellation)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), cancellation);
            if (IsTrusted(ReadCredential(socket)))
                return socket;
            socket.Dispose();
            return null;
        }
        catch (Exception e)
        {
            socket.Dispose();
            if (e is SocketException)
                return null;
            throw;
        }
    }

    /// <summary>A daemon of root or of this user answers. A folder in /tmp that somebody else made first holds neither.</summary>
    private static bool IsTrusted((int ProcessId, uint Owner)? peer) =>
        peer is { } known && (known.Owner == 0 || known.Owner == EffectiveUserId()) && !KilledDaemon.Is(known.ProcessId);

    /// <summary>Who listens at the other end; null: the kernel doesn't say.</summary>
    private static (int ProcessId, uint Owner)? ReadCredential(Socket socket)
    {
        Span<byte> credential = stackalloc byte[CredentialBytes];
        return socket.GetRawSocketOption(SolSocket, PeerCredential, credential) == CredentialBytes
            ? (BinaryPrimitives.ReadInt32LittleEndian(credential), BinaryPrimitives.ReadUInt32LittleEndian(credential[UidOffset..]))
            : null;
    }

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint EffectiveUserId();

    /// <exception cref="ControlException">It is no reply.</exception>
    internal static async Task<ControlReply> ReadAsync(ControlLines lines, CancellationToken cancellation)
    {
        try
        {
            return JsonSerializer.Deserialize(await lines.ReadAsync(cancellation), ControlJson.Default.ControlReply)
                ?? throw new JsonException("The answer is null.");
        }
        catch (Exception e) when (e is IOException or JsonException)
        {
            throw new ControlException(ExitCode.Failed, $"The daemon gave no answer: {e.Message}", e);
        }
    }
}

/// <summary>
/// Where the daemon of a mount point listens for commands: <c>/run/venus</c> for root, else a folder of the user's own. The socket's name is the mount
/// point, escaped, so that a command finds it. A user's own folder is closed to others. In root's anybody may look; the socket's own mode says
/// who may ask, and the daemon decides for each request by who asks.
/// </summary>
public static class ControlSocket
{
    public const string Extension = ".sock";

    /// <summary>What remains of sun_path's 107 bytes for the name.</summary>
    private const int MaxPathBytes = 107;

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>Of the daemons that root started.</summary>
    public const string SystemFolder = "/run/venus";

    private const UnixFileMode OthersLook = OwnerOnly | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    public static string Folder()
    {
        if (Environment.UserName == "root")
            return SystemFolder;
        string? runtime = Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR");
        return runtime is { Length: > 0 } ? Path.Combine(runtime, "venus") : Path.Combine(Path.GetTempPath(), $"venus-{Environment.UserName}");
    }

    /// <summary>Root's folder, made where it is missing, so that anybody may look and nobody else may write.</summary>
    public static void CreateSystemFolder()
    {
        Directory.CreateDirectory(SystemFolder, OthersLook);
        File.SetUnixFileMode(SystemFolder, OthersLook);
    }

    public static string PathOf(string mountPoint) => PathIn(Folder(), mountPoint);

    /// <summary>The socket of a mount point in the folder of one user's daemons.</summary>
    public static string PathIn(string folder, string mountPoint)
    {
        string path = Path.Combine(folder, Escape(mountPoint) + Extension);
        if (Encoding.UTF8.GetByteCount(path) <= MaxPathBytes)
            return path;
        string hash = Convert.ToHexStringLower(SHA256.HashData(ByteText.ToBytes(mountPoint)));
        return Path.Combine(folder, hash + Extension);
    }

    /// <summary>The sockets of all daemons of this user, also of dead ones.</summary>
    public static IEnumerable<string> All() => AllIn(Folder());

    /// <summary>The sockets in the folder of one user's daemons, also of dead ones.</summary>
    public static IEnumerable<string> AllIn(string folder) =>
        Directory.Exists(folder) ? Directory.EnumerateFiles(folder, "*" + Extension).Order() : [];

    /// <summary>As systemd-escape(1) with --path: '/' becomes '-', all but letters, digits, '_' and '.' becomes \xNN.</summary>
    private static string Escape(string path)
    {
        var escaped = new StringBuilder();
        foreach (byte b in ByteText.ToBytes(path.Trim('/')))
        {
            char c = (char)b;
            if (c == '/')
                escaped.Append('-');
            else if (char.IsAsciiLetterOrDigit(c) || c is '_' or '.')
                escaped.Append(c);
            else
                escaped.Append($"\\x{b:x2}");
        }

        return escaped.ToString();
    }
}

/// <summary>Why a command can't be done: one line for whoever gave it, and what the program ends with.</summary>
public class ControlException(ExitCode code, string message, Exception? inner = null) : Exception(message, inner)
{
    public ExitCode Code => code;
}
