using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Hosting;

/// <summary>What Venus knows of paths.</summary>
internal sealed class PathReports(MountSettings settings, VenusCache cache)
{
    public async Task<ControlReply> ExamineAsync(IReadOnlyList<string> paths, Requester asker, CancellationToken cancellation)
    {
        var reports = new List<VnodeReport>();
        foreach (string path in paths)
        {
            Result<FetchStatus> status = await cache.Manager.Inspection.FindAsync(path, asker, cancellation);
            if (!status.IsSuccess)
                return FailureText.Refuse(Path.Join(settings.MountPoint, path), status.Failure);
            reports.Add(Report(path, status.Value));
        }
        return new ControlReply { Vnodes = reports };
    }

    private VnodeReport Report(string path, FetchStatus status)
    {
        bool hasContent = cache.Manager.Inspection.TryGetContent(status.Fid, out CachedContent content);
        bool isCurrent = hasContent && (content.IsDirty || content.IsOpenForWriting || content.Version == status.DataVersion);
        return new VnodeReport
        {
            Path = Path.Join(settings.MountPoint, path),
            Fid = status.Fid.ToString(),
            Type = NameOf(status.Type),
            Server = settings.Server.Endpoint.ToString()!,
            Volume = settings.Server.Volume,
            LengthBytes = status.LengthBytes,
            Mode = Convert.ToString(status.Mode, 8).PadLeft(4, '0'),
            Uid = status.Uid,
            Gid = status.Gid,
            DataVersion = status.DataVersion.Value,
            StatusVersion = status.StatusVersion.Value,
            IsPromised = cache.Manager.Inspection.IsPromised(status.Fid),
            IsCached = status.Type == FileType.Directory ? cache.Manager.Inspection.IsListed(status.Fid) : isCurrent,
            CachedVersion = hasContent ? content.Version.Value : null,
            CachedBytes = content.AllocatedBytes,
            IsDirty = content.IsDirty,
            IsOpen = content.IsOpen,
            IsOpenForWriting = content.IsOpenForWriting,
        };
    }

    public static string NameOf(FileType type) => type switch
    {
        FileType.Regular => "file",
        FileType.Directory => "directory",
        FileType.Symlink => "symlink",
        FileType.Fifo => "fifo",
        FileType.Socket => "socket",
        FileType.CharacterDevice => "character-device",
        FileType.BlockDevice => "block-device",
        _ => "unknown",
    };
}
