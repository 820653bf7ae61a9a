using Afs.Rpc;
using Afs.Vice.Volumes.Content;
using Afs.Wire;

namespace Afs.Vice.Volumes.Metadata.Sqlite;

/// <summary>From rows to records. Each method names the columns that it expects, in order.</summary>
internal static class SqliteRows
{
    public const string VnodeColumns =
        "vnode, uniquifier, type, mode, uid, gid, length, allocated, links, data_version, status_version, " +
        "atime, atime_ns, mtime, mtime_ns, ctime, ctime_ns, parent, parent_uniquifier, device, crc32c, symlink, has_xattrs";

    public const string EntryColumns = "directory, name, vnode, uniquifier, type";

    public const string ContentColumns = "data_version, object, writer_high, writer_low, data, base";

    public const string SessionColumns = "session, client_high, client_low, forgotten_through, has_lapsed";

    public const string VolumeColumns = "volume, name, last_vnode, version, incarnation, vnodes";

    public static FetchStatus Vnode(Statement row, VolumeId volume)
    {
        var type = (FileType)row.Int64(2);
        return new FetchStatus
        {
            Fid = new Fid(volume, new VnodeNumber(row.UInt64(0)), new Uniquifier(row.UInt32(1))),
            Type = type,
            Mode = row.UInt32(3),
            Uid = row.UInt32(4),
            Gid = row.UInt32(5),
            LengthBytes = row.Int64(6),
            AllocatedBytes = row.Int64(7),
            LinkCount = row.UInt32(8),
            DataVersion = new DataVersion(row.UInt64(9)),
            StatusVersion = new StatusVersion(row.UInt64(10)),
            AccessTime = new Timestamp(row.Int64(11), row.UInt32(12)),
            ModifyTime = new Timestamp(row.Int64(13), row.UInt32(14)),
            ChangeTime = new Timestamp(row.Int64(15), row.UInt32(16)),
            Parent = type == FileType.Directory
                ? new Fid(volume, new VnodeNumber(row.UInt64(17)), new Uniquifier(row.UInt32(18)))
                : default,
            DeviceNumber = row.UInt32(19),
            ContentCrc32C = row.UInt32(20),
            SymlinkTarget = row.BlobOrNull(21),
            HasXattrs = row.Int64(22) != 0,
        };
    }

    public static EntryRecord Entry(Statement row, VolumeId volume) => new(
        new VnodeNumber(row.UInt64(0)),
        row.Blob(1),
        new Fid(volume, new VnodeNumber(row.UInt64(2)), new Uniquifier(row.UInt32(3))),
        (FileType)row.Int64(4));

    /// <param name="first">The column where <see cref="ContentColumns"/> begin.</param>
    public static ContentRecord Content(Statement row, int first) => new(
        new DataVersion(row.UInt64(first)),
        new ObjectId(row.UInt64(first + 1)),
        row.BlobOrNull(first + 4),
        new ClientId(row.UInt64(first + 2), row.UInt64(first + 3)),
        new ObjectId(row.UInt64(first + 5)));

    public static SessionRecord Session(Statement row) => new(
        new SessionId(row.UInt64(0)),
        new ClientId(row.UInt64(1), row.UInt64(2)),
        new CallSequence(row.UInt64(3)),
        row.Int64(4) != 0);

    public static VolumeRecord Volume(Statement row) => new(
        new VolumeId(row.UInt32(0)),
        row.Text(1),
        new VnodeNumber(row.UInt64(2)),
        new VolumeVersion(row.UInt64(3)),
        row.UInt64(4),
        row.UInt64(5));
}
