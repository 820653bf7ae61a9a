using Afs.Fuse.Abi;

namespace Afs.Fuse.Protocol;

/// <summary>SETATTR into <see cref="SetAttributesRequest"/>.</summary>
internal static class SetAttributesParser
{
    private const uint NanosecondsPerSecond = 1_000_000_000;

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
        (!Sets(request, SetAttributesMask.Size) || request.SizeBytes <= long.MaxValue)
        && (!Sets(request, SetAttributesMask.AccessTime) || request.AccessTime.Nanoseconds < NanosecondsPerSecond)
        && (!Sets(request, SetAttributesMask.ModifyTime) || request.ModifyTime.Nanoseconds < NanosecondsPerSecond)
        && (!Sets(request, SetAttributesMask.ChangeTime) || request.ChangeTime.Nanoseconds < NanosecondsPerSecond);

    private static bool Sets(in SetAttributesRequest request, SetAttributesMask field) => (request.Mask & field) != 0;
}
