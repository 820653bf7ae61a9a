using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Afs.Control;

/// <summary>The names of operations on the control socket. docs/protocol/control.md describes them.</summary>
public static class ControlOperations
{
    public const string Status = "status";
    public const string Recovered = "recovered";
    public const string Whereis = "whereis";
    public const string Examine = "examine";
    public const string CheckServers = "checkservers";
    public const string CacheParameters = "getcacheparms";

    /// <summary>Answered by several lines: progress, then the end.</summary>
    public const string Fetch = "fetch";

    /// <summary>Answered by a line for each change, until the asker goes.</summary>
    public const string Watch = "watch";

    /// <summary>Stores what is dirty.</summary>
    public const string Flush = "flush";

    /// <summary>The same, and tells meanwhile what waits: several lines. Anybody may ask for it, as for sync(2).</summary>
    public const string Sync = "sync";

    /// <summary>Stores what is dirty and lets go of the cached copies.</summary>
    public const string Discard = "discard";

    public const string SetCacheSize = "setcachesize";
    public const string Unmount = "unmount";
}

/// <summary>What a command asks of a running daemon: one line of JSON.</summary>
/// <param name="Operation">One of <see cref="ControlOperations"/>.</param>
/// <param name="Force">Unmount: also where it is in use.</param>
/// <param name="Paths">What it is about, each relative to the mount point and without '.', '..' and links; empty for the mount point itself.</param>
/// <param name="IsRecursive">With all that lies below the paths.</param>
/// <param name="Bytes">The size of the cache.</param>
/// <param name="TimeoutMs">How long to wait for the server.</param>
public sealed record ControlRequest(
    string Operation, bool Force = false, [property: JsonConverter(typeof(ByteTextListConverter))] IReadOnlyList<string>? Paths = null, bool IsRecursive = false, long Bytes = 0, int TimeoutMs = 0)
{
    /// <summary>A path as the kernel takes it.</summary>
    public const int MostPathChars = 4096;

    public const int MostPaths = 256;
}

/// <summary>The daemon's answer: one line of JSON. What was asked for, or why there is none.</summary>
public sealed record ControlReply
{
    public ExitCode Code { get; init; }

    [JsonConverter(typeof(ByteTextConverter))]
    public string? Message { get; init; }

    /// <summary>More lines follow.</summary>
    public bool HasMore { get; init; }

    public StatusReport? Status { get; init; }

    public IReadOnlyList<RecoveredFile>? Recovered { get; init; }

    public IReadOnlyList<VnodeReport>? Vnodes { get; init; }

    public ServerReport? Server { get; init; }

    public CacheParameters? Cache { get; init; }

    public FetchProgress? Progress { get; init; }

    public SyncProgress? Sync { get; init; }

    public ChangeReport? Change { get; init; }

    /// <summary>Of what was to be discarded, files that stay cached because they are in use or dirty.</summary>
    public int? KeptFiles { get; init; }

    public static ControlReply Refuse(ExitCode code, string message) => new() { Code = code, Message = message };
}

/// <summary>The lines of a control connection: each of a bounded length, ended by a newline.</summary>
public sealed class ControlLines(Stream stream, int mostBytes = ControlLines.MostReplyBytes)
{
    /// <summary>A list of recovered files may be long.</summary>
    public const int MostReplyBytes = 4 << 20;

    /// <summary>What a daemon reads of somebody whom it need not trust.</summary>
    public const int MostRequestBytes = 1 << 18;

    private readonly byte[] _buffer = new byte[4096];
    private int _start, _end;

    /// <summary>The next line, without its newline.</summary>
    /// <exception cref="IOException">The peer ended before the line did, or the line is too long.</exception>
    public async Task<byte[]> ReadAsync(CancellationToken cancellation)
    {
        var line = new MemoryStream();
        while (true)
        {
            if (_start == _end)
            {
                (_start, _end) = (0, await stream.ReadAsync(_buffer, cancellation));
                if (_end == 0)
                    throw new IOException("The connection ended in the middle of a line.");
            }
            int newline = Array.IndexOf(_buffer, (byte)'\n', _start, _end - _start);
            int until = newline < 0 ? _end : newline;
            line.Write(_buffer, _start, until - _start);
            _start = newline < 0 ? _end : newline + 1;
            if (newline >= 0)
                return line.ToArray();
            if (line.Length > mostBytes)
                throw new IOException("The line is too long.");
        }
    }

    public static async Task WriteAsync(Stream stream, byte[] line, CancellationToken cancellation) =>
        await stream.WriteAsync((byte[])[.. line, (byte)'\n'], cancellation);
}

/// <summary>The control protocol's JSON.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ControlRequest))]
[JsonSerializable(typeof(ControlReply))]
[JsonSerializable(typeof(IReadOnlyList<StatusReport>))]
[JsonSerializable(typeof(IReadOnlyList<RecoveredFile>))]
[JsonSerializable(typeof(IReadOnlyList<VnodeReport>))]
[JsonSerializable(typeof(IReadOnlyList<ServerReport>))]
[JsonSerializable(typeof(IReadOnlyList<CacheParameters>))]
[JsonSerializable(typeof(IReadOnlyList<SyncProgress>))]
public sealed partial class ControlJson : JsonSerializerContext
{
    /// <summary>As the commands print it for `--json`.</summary>
    public static ControlJson Indented { get; } = new(ForPeople(isIndented: true));

    /// <summary>One document a line, for what goes on.</summary>
    public static ControlJson Line { get; } = new(ForPeople(isIndented: false));

    private static JsonSerializerOptions ForPeople(bool isIndented) => new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        // Names are for terminals and programs, never for HTML.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        WriteIndented = isIndented,
    };
}
