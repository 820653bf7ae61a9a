using System.Runtime.InteropServices;
using Afs.Fuse.Abi;

namespace Afs.Fuse.Protocol;

/// <summary>BATCH_FORGET: many nodes at once. The count was checked against the bytes that came.</summary>
internal readonly ref struct BatchForgetRequest(ReadOnlySpan<FuseForgetOne> entries)
{
    public ReadOnlySpan<FuseForgetOne> Entries { get; } = entries;

    public static Errno Parse(ReadOnlySpan<byte> body, out BatchForgetRequest request)
    {
        var reader = new FrameReader(body);
        request = default;
        if (!reader.TryTake(out FuseBatchForgetIn raw) || raw.Count > int.MaxValue / 16 || !reader.TryTakeBytes(raw.Count * 16, out ReadOnlySpan<byte> bytes))
        {
            return Errno.EINVAL;
        }

        request = new BatchForgetRequest(MemoryMarshal.Cast<byte, FuseForgetOne>(bytes));
        return Errno.None;
    }
}
