using Afs.Control;
using Afs.Fuse;
using Afs.Rpc;
using Afs.Venus.Cache;
using Afs.Venus.Hosting;
using Afs.Vice.Hosting.Data;
using Afs.Wire;

namespace Afs.Fuzz;

/// <summary>Small files that daemons keep for themselves, by the first byte. Whatever one holds, it is read, or taken for damaged in the documented way.</summary>
internal sealed class SavedFilesTarget : Target
{
    private readonly string _folder = Directory.CreateTempSubdirectory("fuzz-files-").FullName;
    private readonly string _recovered, _connection;

    public SavedFilesTarget()
    {
        _recovered = Path.Combine(_folder, "recovered", "entry.json");
        _connection = Path.Combine(_folder, "connection.json");
        Directory.CreateDirectory(Path.GetDirectoryName(_recovered)!);
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(_folder, recursive: true);
    }

    public override string Name => "saved-files";

    public override string About => "small files of the daemons: ids, keys, volume-ID.json, connection.json, recovered files";

    public override int MostBytes => 1024;

    public override long ShortExecutions => 2_000;

    public override long MostAllocatedBytes(int inputBytes) => 64 * 1024 + 256L * inputBytes;

    public override IReadOnlyList<byte[]> Words => ControlWords.Of("Volume", "RootVnode", "Name", "Original", "Time", "Major", "MaxWriteBytes", "HasResend");

    public override IEnumerable<byte[]> Seeds() =>
    [
        [0, .. "0123456789abcdef0123456789abcdef\n"u8],
        [1, .. """{"Volume":1,"RootVnode":1,"RootUniquifier":1,"Incarnation":5}"""u8],
        [2, .. """{"Major":7,"Minor":45,"Flags":0,"MaxWriteBytes":1048576,"Passthrough":true,"HasEpoch":true,"HasExpireOnly":true,"HasResend":true}"""u8],
        [3, .. """{"Name":"f","Original":"a/f","Fid":"1.2.3","Reason":"why","Time":"2026-01-02T03:04:05+00:00"}"""u8],
        [4, .. new byte[32]],
    ];

    public override bool Run(ReadOnlySpan<byte> input)
    {
        if (input.IsEmpty)
            return false;
        ReadOnlySpan<byte> content = input[1..];
        return (input[0] % 5) switch
        {
            0 => ClientIdIsKept(content),
            1 => VolumeIsKept(content),
            2 => ReadConnection(content),
            3 => ReadRecovered(content),
            _ => SessionKeyIsKept(content),
        };
    }

    private static bool ClientIdIsKept(ReadOnlySpan<byte> content)
    {
        var disk = new MemoryDisk();
        disk.Put("client-id", content);
        ClientId id = ClientIdFile.LoadOrMake(disk, new Random(1));
        Holds(ClientIdFile.LoadOrMake(disk, new Random(2)) == id, "A client keeps its id.");
        return true;
    }

    private static bool VolumeIsKept(ReadOnlySpan<byte> content)
    {
        var disk = new MemoryDisk();
        disk.Put("volume.json", content);
        VolumeIdentity.TakeOver(disk, "vnodes.db", static volume => $"vnodes-{VolumeIdentity.Digits(volume)}.db");
        disk.Put("volume-00000007.json", content);
        if (VolumeIdentity.Load(disk, new VolumeId(7)) is not { } identity)
            return false;
        identity.Save(disk);
        Holds(VolumeIdentity.Load(disk, new VolumeId(7)) == identity, "What was read is written as the same.");
        Holds(VolumeIdentity.Find(disk, identity.Name ?? "root") is not null, "It is found by its name.");
        return true;
    }

    private bool ReadConnection(ReadOnlySpan<byte> content)
    {
        File.WriteAllBytes(_connection, content);
        try
        {
            FuseConnectionInfo connection = TakeOverFolder.ReadConnection(_connection);
            Holds(connection.MaxWriteBytes is >= 4096 and <= 1 << 20, "What a daemon writes at most is what it can have agreed on.");
            return true;
        }
        catch (HostingException)
        {
            return false;
        }
    }

    private bool ReadRecovered(ReadOnlySpan<byte> content)
    {
        File.WriteAllBytes(_recovered, content);
        RecoveredFile file = RecoveredFiles.List(_folder).Single();
        Holds(file.Path is not null && file.Original is not null && file.Reason is not null, "A recovered file is described.");
        Holds(Path.GetFullPath(file.Path).StartsWith(_folder + "/", StringComparison.Ordinal), "A recovered file lies in its folder.");
        return true;
    }

    private bool SessionKeyIsKept(ReadOnlySpan<byte> content)
    {
        File.WriteAllBytes(Path.Combine(_folder, SessionKeyFile.Name), content);
        byte[] key = SessionKeyFile.LoadOrMake(_folder);
        Holds(key.Length == 32 && SessionKeyFile.LoadOrMake(_folder).AsSpan().SequenceEqual(key), "A key is whole, and kept.");
        return content.Length == key.Length;
    }
}
