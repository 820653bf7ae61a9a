using Afs.Rpc;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Fuzz;

/// <summary>
/// A row of the cache's databases, behind its checksum: of a status, of a directory's names, of a container. The first byte says which.
/// </summary>
internal sealed class VenusRowsTarget : Target
{
    private static readonly VolumeId Volume = new(1);

    public override string Name => "venus-rows";

    public override string About => "rows of the cache's databases: statuses, names, containers";

    public override long ShortExecutions => 10_000;

    public override long MostAllocatedBytes(int inputBytes) => 64 * 1024 + 256L * inputBytes;

    public override IEnumerable<byte[]> Seeds()
    {
        var fid = new Fid(new VolumeId(1), new VnodeNumber(2), new Uniquifier(3));
        byte[] status = WireCodec.ToBytes(new FetchStatus
        {
            Fid = fid,
            Type = FileType.Regular,
            Mode = 0x1A4,
            Uid = 1,
            Gid = 1,
            LengthBytes = 5,
            AllocatedBytes = 5,
            LinkCount = 1,
            DataVersion = new DataVersion(4),
            StatusVersion = new StatusVersion(5),
            AccessTime = default,
            ModifyTime = default,
            ChangeTime = default,
        });
        yield return [0, .. status];
        yield return [1, .. NamesCodec.Encode([new ListedName("a"u8.ToArray(), fid, FileType.Regular), new ListedName("bc"u8.ToArray(), fid, FileType.Directory)])];
        byte[] row = new byte[ContainerRowCodec.RowBytes];
        ContainerRowCodec.Write(new ContainerRecord(new ContainerId(7), fid, new DataVersion(4), ContainerState.Storing, 5, default, "boot", new Caller(6, 7)), row);
        yield return [2, .. row];
    }

    public override bool Run(ReadOnlySpan<byte> input)
    {
        if (input.IsEmpty)
            return false;
        ReadOnlySpan<byte> row = input[1..];
        return (input[0] % 3) switch
        {
            0 => RunStatus(row.ToArray()),
            1 => RunNames(row.ToArray()),
            _ => RunContainer(row),
        };
    }

    private static bool RunStatus(byte[] row)
    {
        FetchStatus status;
        try
        {
            status = WireCodec.FromBytes<FetchStatus>(row);
        }
        catch (MalformedMessageException)
        {
            return false;
        }
        byte[] written = WireCodec.ToBytes(status);
        Holds(WireCodec.ToBytes(WireCodec.FromBytes<FetchStatus>(written)).AsSpan().SequenceEqual(written), "What was read is written as the same.");
        return true;
    }

    private static bool RunNames(byte[] row)
    {
        if (NamesCodec.TryDecode(Volume, row) is not { } names)
            return false;
        Holds(NamesCodec.Encode(names).AsSpan().SequenceEqual(row), "What was read is written as the same.");
        return true;
    }

    private static bool RunContainer(ReadOnlySpan<byte> row)
    {
        if (!ContainerRowCodec.TryRead(row, "", out ContainerId id, out ContainerRecord? record))
            return false;
        Holds(id.Value != 0, "A container has an id.");
        if (record is null)
            return true;
        Holds(Enum.IsDefined(record.State) && record.Baseline.LengthBytes >= 0 && record.Baseline.AllocatedBytes >= 0, "A container is in a state that there is, and has a length.");
        if (!ContainerRowCodec.Fits(record))
            return true; // Bytes that are no text became longer by being read.
        Span<byte> written = stackalloc byte[ContainerRowCodec.RowBytes];
        ContainerRowCodec.Write(record, written);
        Holds(ContainerRowCodec.TryRead(written, "", out _, out ContainerRecord? again) && again == record, "What was read is written as the same.");
        return true;
    }
}
