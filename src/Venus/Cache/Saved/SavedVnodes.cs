using System.Buffers.Binary;
using Afs.Platform;
using Afs.Wire;
using Microsoft.Extensions.Logging;

namespace Afs.Venus.Cache;

/// <summary>
/// Statuses and names of an earlier daemon. Nothing here is believed: all is suspect until the server says that it holds. So an old row, or one that
/// is missing, costs a call and never a wrong answer.
/// </summary>
internal interface ISavedVnodes : IDisposable
{
    /// <summary>Whatever was saved of another volume or incarnation is deleted; from here on it is of this one.</summary>
    /// <exception cref="Afs.Platform.DiskException">The disk is full or failed.</exception>
    void Begin(VolumeIdentity identity);

    /// <summary>The same, and whatever was saved is deleted, of this one too.</summary>
    /// <exception cref="Afs.Platform.DiskException">The disk is full or failed.</exception>
    void BeginAnew(VolumeIdentity identity);

    /// <summary>Gives all that is saved. Rows that are damaged are left out.</summary>
    /// <exception cref="Afs.Platform.DiskException">The disk failed.</exception>
    void Read(Action<FetchStatus> status, Action<SavedDirectory> directory);

    /// <summary>In one transaction. It survives a crash of this process, but perhaps not one of the machine.</summary>
    /// <exception cref="Afs.Platform.DiskException">The disk is full or failed; all is as it was.</exception>
    void Save(SavedChanges changes);
}

/// <summary>The names of a directory at one version. All of the directory's own volume.</summary>
internal sealed record SavedDirectory(Fid Fid, DataVersion Version, IReadOnlyList<ListedName> Names);

/// <summary>What is to be written in one transaction.</summary>
internal sealed class SavedChanges
{
    public List<FetchStatus> Statuses { get; } = [];

    public List<SavedDirectory> Directories { get; } = [];

    /// <summary>Vnodes that are not cached any more, and directories' names with them. Comes before what is added.</summary>
    public List<Fid> Removed { get; } = [];

    public int Count => Statuses.Count + Directories.Count + Removed.Count;
}

/// <summary>
/// Saves statuses and directories' names for the next start, some seconds after they changed, so that a restart costs some calls that validate
/// thousands each, instead of one for each file. What was not saved when the daemon died costs a call when it is used.
/// One call at a time: Housekeeping's, or the start's, or the end's.
/// </summary>
internal sealed partial class VnodeSaver(ISavedVnodes? store, VnodeTable vnodes, DirectoryCache directories, ILogger log)
{
    /// <summary>Rows of one transaction.</summary>
    private const int MostPerSave = 1024;

    /// <summary>Of this volume from here on. What an earlier daemon saved of it is brought back, suspect. The value: how many statuses.</summary>
    public int Restore(VolumeIdentity identity)
    {
        int count = 0;
        Guard(saved =>
        {
            saved.Begin(identity);
            saved.Read(
                status =>
                {
                    vnodes.Restore(status);
                    count++;
                },
                directories.Restore);
        });
        LogRestored(count, directories.Count);
        return count;
    }

    /// <summary>The cache was emptied. Of this volume from here on. False: what was saved before may be still there.</summary>
    public bool Forget(VolumeIdentity identity) => Guard(saved => saved.BeginAnew(identity));

    /// <summary>What changed. A directory that is changing waits until it has come to rest, for its names are written as one.</summary>
    public async Task SaveAsync(bool isLast, CancellationToken cancellation)
    {
        bool isMore = store is not null;
        while (isMore && !cancellation.IsCancellationRequested)
        {
            var changes = new SavedChanges();
            isMore = vnodes.TakeUnsaved(changes, MostPerSave);
            if (!isMore)
                directories.TakeUnsaved(changes, isLast);
            if (changes.Count > 0)
                Guard(saved => saved.Save(changes));
            await Task.Yield();
        }
    }

    public void Close() => store?.Dispose();

    /// <summary>What could not be saved is asked of the server after the next start.</summary>
    private bool Guard(Action<ISavedVnodes> work)
    {
        if (store is null)
            return true;
        try
        {
            work(store);
            return true;
        }
        catch (DiskException e)
        {
            LogNotSaved(e.Message);
            return false;
        }
    }

    [LoggerMessage(EventId = 321, Level = LogLevel.Information, Message = "{Statuses} statuses and {Directories} directories of the last daemon are to be validated")]
    private partial void LogRestored(int statuses, int directories);

    [LoggerMessage(EventId = 322, Level = LogLevel.Warning, Message = "Statuses could not be saved for the next start: {Reason}")]
    private partial void LogNotSaved(string reason);
}

/// <summary>
/// A directory's names as bytes: for each its length (1 byte), the name, vnode (8 bytes), uniquifier (4 bytes), type (1 byte); at the end a
/// CRC32C of all before. Little-endian.
/// </summary>
internal static class NamesCodec
{
    private const int FixedBytes = 1 + 8 + 4 + 1;
    private const int ChecksumBytes = 4;

    public static byte[] Encode(IReadOnlyList<ListedName> names)
    {
        byte[] bytes = new byte[names.Sum(static n => n.Name.Length + FixedBytes) + ChecksumBytes];
        Span<byte> rest = bytes;
        foreach (ListedName name in names)
        {
            int length = name.Name.Length;
            rest[0] = checked((byte)length);
            name.Name.CopyTo(rest[1..]);
            BinaryPrimitives.WriteUInt64LittleEndian(rest[(1 + length)..], name.Fid.Vnode.Value);
            BinaryPrimitives.WriteUInt32LittleEndian(rest[(9 + length)..], name.Fid.Uniquifier.Value);
            rest[13 + length] = (byte)name.Type;
            rest = rest[(FixedBytes + length)..];
        }
        BinaryPrimitives.WriteUInt32LittleEndian(rest, Crc32C.Of(bytes.AsSpan(0, bytes.Length - ChecksumBytes)));
        return bytes;
    }

    /// <summary>Null: the bytes are damaged.</summary>
    public static List<ListedName>? TryDecode(VolumeId volume, ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < ChecksumBytes || BinaryPrimitives.ReadUInt32LittleEndian(bytes[^ChecksumBytes..]) != Crc32C.Of(bytes[..^ChecksumBytes]))
            return null;
        var names = new List<ListedName>();
        ReadOnlySpan<byte> rest = bytes[..^ChecksumBytes];
        while (rest.Length > 0)
        {
            int length = rest[0];
            if (rest.Length < FixedBytes + length)
                return null;
            var vnode = new VnodeNumber(BinaryPrimitives.ReadUInt64LittleEndian(rest[(1 + length)..]));
            var uniquifier = new Uniquifier(BinaryPrimitives.ReadUInt32LittleEndian(rest[(9 + length)..]));
            names.Add(new ListedName(rest.Slice(1, length).ToArray(), new Fid(volume, vnode, uniquifier), (FileType)rest[13 + length]));
            rest = rest[(FixedBytes + length)..];
        }
        return names;
    }
}
