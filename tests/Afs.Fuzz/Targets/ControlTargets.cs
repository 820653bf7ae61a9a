using System.Text;
using System.Text.Json;
using Afs.Control;
using Afs.Venus.Cache;
using Afs.Venus.Hosting;

namespace Afs.Fuzz;

/// <summary>A line on the control socket, whose end stands behind each input, as the daemon reads it of whoever may enter the mount.</summary>
internal sealed class ControlRequestTarget : Target
{
    public override string Name => "control-requests";

    public override string About => "requests on the control socket, as Venus reads them";

    /// <summary>The line, the text, and what the framework's JSON keeps.</summary>
    public override long MostAllocatedBytes(int inputBytes) => 64 * 1024 + 128L * inputBytes;

    public override IReadOnlyList<byte[]> Words => ControlWords.Of("operation", "force", "paths", "isRecursive", "bytes", "timeoutMs", "whereis", "fetch", "watch", "setcachesize");

    public override IEnumerable<byte[]> Seeds() =>
    [
        Line(new ControlRequest(ControlOperations.Status)),
        Line(new ControlRequest(ControlOperations.Fetch, Paths: ["a/b", "caf\udce9", "\"\\\n"], IsRecursive: true)),
        Line(new ControlRequest(ControlOperations.SetCacheSize, Bytes: 1L << 40, TimeoutMs: 5)),
        "{\"operation\":\"\\u0073tatus\",\"paths\":[null],\"unknown\":{\"a\":[1,2.5e3,true]}}"u8.ToArray(),
    ];

    public override bool Run(ReadOnlySpan<byte> input)
    {
        try
        {
            using var stream = new MemoryStream([.. input, (byte)'\n']);
            ControlRequest request = ControlServer.ReadAsync(stream).GetAwaiter().GetResult();
            bool isRefused = MountCommands.Check(request, new Requester(1000, 1000, [], IsOwner: false)) is not null;
            if (isRefused)
                return false;
            foreach (string path in request.Paths ?? [])
                Holds(path.Length <= ControlRequest.MostPathChars && ByteText.ToBytes(path).Length <= 3 * path.Length, "A path is there, and not too long.");
            byte[] written = JsonSerializer.SerializeToUtf8Bytes(request, ControlJson.Default.ControlRequest);
            ControlRequest again = JsonSerializer.Deserialize(written, ControlJson.Default.ControlRequest)!;
            Holds(again with { Paths = null } == request with { Paths = null } && (again.Paths ?? []).SequenceEqual(request.Paths ?? []), "What was read is written as the same.");
            return true;
        }
        catch (Exception e) when (e is IOException or JsonException)
        {
            return false;
        }
    }

    private static byte[] Line(ControlRequest request) => JsonSerializer.SerializeToUtf8Bytes(request, ControlJson.Default.ControlRequest);
}

/// <summary>A line on the control socket, whose end stands behind each input, as a command reads it of a daemon.</summary>
internal sealed class ControlReplyTarget : Target
{
    public override string Name => "control-replies";

    public override string About => "replies on the control socket, as commands read them";

    public override long MostAllocatedBytes(int inputBytes) => 64 * 1024 + 256L * inputBytes;

    public override IReadOnlyList<byte[]> Words => ControlWords.Of("code", "message", "hasMore", "status", "recovered", "vnodes", "server", "cache", "progress", "change", "keptFiles", "path", "fid", "2026-01-02T03:04:05Z");

    public override IEnumerable<byte[]> Seeds() =>
    [
        Line(ControlReply.Refuse(ExitCode.Usage, "caf\udce9: no")),
        Line(new ControlReply { HasMore = true, Progress = new FetchProgress(1, 2, 3, 4) }),
        Line(new ControlReply { Recovered = [new RecoveredFile("/a", "b", "1.2.3", "why")], KeptFiles = 3 }),
        Line(new ControlReply { Change = new ChangeReport { Time = DateTimeOffset.UnixEpoch, Kind = ChangeKinds.Renamed, Path = "/x", From = "/caf\udce9" } }),
        Line(new ControlReply { Server = new ServerReport { MountPoint = "/m", Server = "h:1", IsUp = true, RoundTripMs = 0.5 } }),
    ];

    public override bool Run(ReadOnlySpan<byte> input)
    {
        try
        {
            using var stream = new MemoryStream([.. input, (byte)'\n']);
            ControlReply reply = ControlClient.ReadAsync(new ControlLines(stream), CancellationToken.None).GetAwaiter().GetResult();
            byte[] written = JsonSerializer.SerializeToUtf8Bytes(reply, ControlJson.Default.ControlReply);
            ControlReply again = JsonSerializer.Deserialize(written, ControlJson.Default.ControlReply)!;
            Holds(JsonSerializer.SerializeToUtf8Bytes(again, ControlJson.Default.ControlReply).AsSpan().SequenceEqual(written), "What was read is written as the same.");
            return true;
        }
        catch (ControlException)
        {
            return false;
        }
    }

    private static byte[] Line(ControlReply reply) => JsonSerializer.SerializeToUtf8Bytes(reply, ControlJson.Default.ControlReply);
}

/// <summary>Pieces of JSON.</summary>
internal static class ControlWords
{
    public static IReadOnlyList<byte[]> Of(params string[] names) =>
    [
        .. names.Select(name => Encoding.UTF8.GetBytes($"\"{name}\":")), .. names.Select(Encoding.UTF8.GetBytes),
        "null"u8.ToArray(), "true"u8.ToArray(), "[]"u8.ToArray(), "{}"u8.ToArray(), "\\ud800"u8.ToArray(), "\\udce9"u8.ToArray(), "\\\""u8.ToArray(), "\n"u8.ToArray(), "1e999"u8.ToArray(), "-9223372036854775808"u8.ToArray(),
    ];
}
