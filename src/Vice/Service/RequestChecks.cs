using Afs.Rpc;
using Afs.Wire;

namespace Afs.Vice.Service;

/// <summary>What every request must be before anything is done. <see cref="AbortCode.None"/>: it is well formed.</summary>
internal static class RequestChecks
{
    private const uint NanosecondsPerSecond = 1_000_000_000;
    private const StatusFields KnownFields = StatusFields.Mode | StatusFields.Uid | StatusFields.Gid |
        StatusFields.AccessTime | StatusFields.ModifyTime | StatusFields.KillSetId;

    public static AbortCode Check(CreateRequest r)
    {
        if (r.Name is null ? r.Type != FileType.Regular : !IsName(r.Name))
            return r.Name is null ? AbortCodes.BadArgument : AbortCodes.BadName;
        bool isDevice = r.Type is FileType.CharacterDevice or FileType.BlockDevice;
        bool isType = r.Type is > FileType.None and <= FileType.BlockDevice;
        bool isTarget = r.Type == FileType.Symlink
            ? r.SymlinkTarget is { Length: > 0 and <= Limits.SymlinkTargetBytes } target && !target.Contains((byte)0)
            : r.SymlinkTarget is null;
        return Argument(isType && isTarget && (isDevice || r.DeviceNumber == 0) && IsTime(r.Time));
    }

    public static AbortCode Check(RemoveRequest r) => IsName(r.Name) ? Argument(IsTime(r.Time)) : AbortCodes.BadName;

    public static AbortCode Check(RenameRequest r)
    {
        if (!IsName(r.FromName) || !IsName(r.ToName))
            return AbortCodes.BadName;
        if (r.FromParent.Volume != r.ToParent.Volume)
            return AbortCodes.CrossesVolumes;
        return Argument(r.Mode <= RenameMode.Exchange && IsTime(r.Time));
    }

    public static AbortCode Check(LinkRequest r)
    {
        if (!IsName(r.Name))
            return AbortCodes.BadName;
        return r.Fid.Volume != r.Parent.Volume ? AbortCodes.CrossesVolumes : Argument(IsTime(r.Time));
    }

    public static AbortCode Check(StoreDataRequest r)
    {
        if (r.LengthBytes > Limits.FileBytes)
            return AbortCodes.FileTooLarge;
        if (r.LengthBytes < 0 || r.AllocatedBytes < 0 || !IsTime(r.ModifyTime) || !IsTime(r.ChangeTime))
            return AbortCodes.BadArgument;
        if (r.Parts is not null)
            return Argument(AreParts(r, r.Parts));
        if (r.Content is null)
            return r.LengthBytes == 0 && r.Crc32C != 0 ? AbortCodes.ChecksumMismatch : AbortCode.None;
        bool matches = r.Content.Length == r.LengthBytes && Platform.Crc32C.Of(r.Content) == r.Crc32C;
        return r.Content.Length > Limits.InlineContentBytes ? AbortCodes.BadArgument : matches ? AbortCode.None : AbortCodes.ChecksumMismatch;
    }

    public static AbortCode Check(StoreStatusRequest r) => Argument(
        (r.Fields & ~KnownFields) == 0 && IsTime(r.AccessTime) && IsTime(r.ModifyTime) && IsTime(r.ChangeTime));

    public static AbortCode Check(StoreXattrRequest r)
    {
        bool isName = r.Name.Length is > 0 and <= Limits.XattrNameBytes && !r.Name.Contains((byte)0);
        if (r.Value?.Length > Limits.XattrValueBytes)
            return AbortCodes.XattrTooLarge;
        return Argument(isName && r.Mode <= XattrMode.Replace && IsTime(r.ChangeTime));
    }

    public static AbortCode Check(FetchDirectoryRequest r) => Argument(
        r.MostEntries is >= 1 and <= Limits.EntriesPerPage && (r.After is null || r.After.Length <= Limits.NameBytes));

    public static AbortCode Check(FetchStatusRequest r) => Argument(
        r.Fids.Count is >= 1 and <= Limits.StatusesPerCall && r.Fids.All(fid => fid.Volume == r.Fids[0].Volume));

    public static AbortCode Check(ValidateRequest r) => Argument(r.Entries.Count <= Limits.ValidationsPerCall);

    public static AbortCode Check(DownloadRequest r) => Argument(r.OffsetBytes >= 0 && r.LengthBytes >= 0);

    public static AbortCode Check(UploadRequest r) => Argument(r.Parts is not { } parts
        || parts.LengthBytes is > 0 and <= Limits.FileBytes && Extents.AreValid(parts.Extents, parts.LengthBytes)
            && (parts.Base == DataVersion.None || r.Fid.Volume == r.Volume));

    /// <summary>A name that a directory may hold.</summary>
    public static bool IsName(byte[] name)
    {
        if (name.Length is 0 or > Limits.NameBytes)
            return false;
        return !name.AsSpan().SequenceEqual("."u8) && !name.AsSpan().SequenceEqual(".."u8) && name.AsSpan().IndexOfAny((byte)0, (byte)'/') < 0;
    }

    /// <summary>Over the version that the changes started from, or over zeros.</summary>
    private static bool AreParts(StoreDataRequest r, ContentParts parts) =>
        r.LengthBytes > 0 && parts.LengthBytes == r.LengthBytes && (parts.Base == DataVersion.None || parts.Base == r.Base)
        && Extents.AreValid(parts.Extents, parts.LengthBytes) && r.Content?.Length == parts.TransferBytes && r.Content.Length <= Limits.InlinePartsBytes;

    private static bool IsTime(Timestamp time) => time.Nanoseconds < NanosecondsPerSecond;

    private static AbortCode Argument(bool isGood) => isGood ? AbortCode.None : AbortCodes.BadArgument;
}
