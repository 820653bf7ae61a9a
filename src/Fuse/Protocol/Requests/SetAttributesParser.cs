using Afs.Fuse.Abi;

namespace Afs.Fuse.Protocol;

/// <summary>SETATTR into <see cref="SetAttributesRequest"/>.</summary>
internal static class SetAttributesParser
{
    public static Errno Parse(ReadOnlySpan<byte> body, out SetAttributesRequest request)
    {
        var reader = new FrameReader(body);
        request = default;
        if (!reader.TryTake(out FuseSetAttrIn raw))
        {
            return Errno.EINVAL;
        }

        request = new SetAttributesRequest
        {
            Mask = (SetAttributesMask)raw.Valid,
            Handle = new FileHandle(raw.Handle),
            SizeBytes = raw.SizeBytes,
            AccessTime = new FuseTime((long)raw.AccessSeconds, raw.AccessNanoseconds),
            ModifyTime = new FuseTime((long)raw.ModifySeconds, raw.ModifyNanoseconds),
            ChangeTime = new FuseTime((long)raw.ChangeSeconds, raw.ChangeNanoseconds),
            Mode = raw.Mode,
            Uid = raw.Uid,
            Gid = raw.Gid,
        };
        return IsSane(request) ? Errno.None : Errno.EINVAL;
    }

    private static bool IsSane(in SetAttributesRequest request) =>
        (!request.Mask.HasFlag(SetAttributesMask.Size) || request.SizeBytes <= long.MaxValue)
        && (!request.Mask.HasFlag(SetAttributesMask.AccessTime) || request.AccessTime.Nanoseconds < 1_000_000_000)
        && (!request.Mask.HasFlag(SetAttributesMask.ModifyTime) || request.ModifyTime.Nanoseconds < 1_000_000_000)
        && (!request.Mask.HasFlag(SetAttributesMask.ChangeTime) || request.ChangeTime.Nanoseconds < 1_000_000_000);
}
