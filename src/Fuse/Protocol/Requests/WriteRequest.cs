using Afs.Fuse.Abi;

namespace Afs.Fuse.Protocol;

/// <summary>WRITE. The data is the last <see cref="SizeBytes"/> bytes that follow the structure, at <see cref="DataOffset"/> of the body.</summary>
internal readonly record struct WriteRequest(FileHandle Handle, long Offset, int SizeBytes, bool KillSuidGid)
{
    /// <summary>Where the data begins in the request's body.</summary>
    public const int DataOffset = 40;

    public static Errno Parse(ReadOnlySpan<byte> body, out WriteRequest request)
    {
        var reader = new FrameReader(body);
        request = default;
        if (!reader.TryTake(out FuseWriteIn raw) || raw.SizeBytes > (uint)reader.RemainingBytes || raw.Offset > (ulong)(long.MaxValue - raw.SizeBytes))
        {
            return Errno.EINVAL;
        }

        bool kill = (raw.WriteFlags & FuseProtocol.WriteKillSuidGid) != 0;
        request = new WriteRequest(new FileHandle(raw.Handle), (long)raw.Offset, (int)raw.SizeBytes, kill);
        return Errno.None;
    }
}
