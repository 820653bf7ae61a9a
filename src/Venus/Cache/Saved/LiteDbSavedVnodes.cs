using System.Buffers.Binary;
using Afs.Platform;
using Afs.Rpc;
using Afs.Wire;
using LiteDB;
using LiteDB.Engine;
using Microsoft.Extensions.Logging;

namespace Afs.Venus.Cache;

/// <summary>
/// The database <c>vnodes.db</c>, apart from the index: nothing that only this client has is in it, so where it is damaged it is made anew.
/// Collections: "statuses" and "directories", whose keys are vnode (8) and uniquifier (4), big-endian, and "identity", with one row, 0. Each value ends with CRC32C of the key and the rest (4). A status is
/// as on the wire; a directory's value is its version (8) and its names; the identity is format (4), volume (4), incarnation (8). Not safe for concurrent use.
/// </summary>
internal sealed partial class LiteDbSavedVnodes(IDisk disk, string name, ILogger log) : ISavedVnodes
{
    private const uint FormatVersion = 2;
    private const string Statuses = "statuses", Directories = "directories", Identity = "identity";
    private const int KeyBytes = 12, SumBytes = sizeof(uint), VersionBytes = sizeof(ulong), IdentityBytes = 16;

    /// <summary>A directory whose names are longer is asked for again after a restart; LiteDB's limit is near 16 MB.</summary>
    private const int MostNamesBytes = 8 << 20;

    private LiteDbFile _file = new(disk, name);
    private VolumeId _volume;
    private byte[] _identity = [];

    /// <summary>Makes one that says this, in the place of whatever was there: <see cref="LiteDbFile.Make"/>.</summary>
    /// <exception cref="DiskException">The disk is full or failed; what was there is as it was.</exception>
    public static void Make(IDisk disk, string name, VolumeId volume, ulong incarnation, SavedChanges saved) => Make(disk, name, Encode(volume, incarnation), saved);

    public void Begin(VolumeIdentity identity)
    {
        Adopt(identity);
        if (!IsOfIdentity())
            MakeEmpty();
    }

    public void BeginAnew(VolumeIdentity identity)
    {
        Adopt(identity);
        MakeEmpty();
    }

    /// <summary>One that turns out to be damaged is made anew; what was read of it until then is as good as the rest: it is asked about.</summary>
    public void Read(Action<FetchStatus> status, Action<SavedDirectory> directory)
    {
        try
        {
            _file.Read(Statuses, (key, bytes) =>
            {
                if (Unsum(key, bytes) is { } saved && Decode(saved.Value) is { } read && read.Fid == saved.Fid)
                    status(read);
            });
            _file.Read(Directories, (key, bytes) =>
            {
                if (Unsum(key, bytes) is { Value.Length: >= VersionBytes } saved && NamesCodec.TryDecode(_volume, saved.Value.AsSpan(VersionBytes)) is { } names)
                    directory(new SavedDirectory(saved.Fid, new DataVersion(BinaryPrimitives.ReadUInt64LittleEndian(saved.Value)), names));
            });
        }
        catch (DiskException e) when (e.Failure == DiskFailure.Failed)
        {
            LogDamaged(name, e.Message);
            MakeEmpty();
        }
    }

    public void Save(SavedChanges changes) => _file.Write(engine => Write(engine, changes), outlastsPowerLoss: false);

    public void Dispose() => _file.Dispose();

    private static void Make(IDisk disk, string name, byte[] identity, SavedChanges saved) => LiteDbFile.Make(disk, name, file =>
    {
        file.Write(engine => engine.Upsert(Identity, [LiteDbFile.Row(0L, identity)], BsonAutoId.Int64), outlastsPowerLoss: false);
        file.Write(engine => Write(engine, saved), outlastsPowerLoss: false);
    });

    /// <summary>A directory whose names are too long isn't saved, and neither is what was saved of it before.</summary>
    private static void Write(LiteEngine engine, SavedChanges changes)
    {
        engine.Delete(Statuses, changes.Removed.Select(Key));
        engine.Delete(Directories, changes.Removed.Concat(changes.Directories.Select(static d => d.Fid)).Select(Key));
        engine.Upsert(Statuses, changes.Statuses.Select(static s => Summed(s.Fid, WireCodec.ToBytes(s))), BsonAutoId.ObjectId);
        engine.Upsert(
            Directories, changes.Directories.Select(static d => (d.Fid, Value: Encode(d))).Where(static d => d.Value.Length <= MostNamesBytes).Select(static d => Summed(d.Fid, d.Value)),
            BsonAutoId.ObjectId);
    }

    private bool IsOfIdentity()
    {
        if (!disk.Exists(name))
            return false;
        bool isSame = false;
        try
        {
            _file.Read(Identity, (_, bytes) => isSame = bytes.AsSpan().SequenceEqual(_identity));
        }
        catch (DiskException e) when (e.Failure == DiskFailure.Failed)
        {
            LogDamaged(name, e.Message);
        }
        return isSame;
    }

    private void Adopt(VolumeIdentity identity)
    {
        _volume = new VolumeId(identity.Volume);
        _identity = Encode(_volume, identity.Incarnation);
    }

    private void MakeEmpty()
    {
        _file.Dispose();
        Make(disk, name, _identity, new SavedChanges());
        _file = new LiteDbFile(disk, name);
    }

    private static byte[] Encode(VolumeId volume, ulong incarnation)
    {
        byte[] bytes = new byte[IdentityBytes];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, FormatVersion);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(4), volume.Value);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(8), incarnation);
        return bytes;
    }

    private static byte[] Encode(SavedDirectory directory)
    {
        byte[] names = NamesCodec.Encode(directory.Names);
        byte[] bytes = new byte[VersionBytes + names.Length];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, directory.Version.Value);
        names.CopyTo(bytes.AsSpan(VersionBytes));
        return bytes;
    }

    private static BsonValue Key(Fid fid)
    {
        byte[] key = new byte[KeyBytes];
        BinaryPrimitives.WriteUInt64BigEndian(key, fid.Vnode.Value);
        BinaryPrimitives.WriteUInt32BigEndian(key.AsSpan(8), fid.Uniquifier.Value);
        return key;
    }

    private static BsonDocument Summed(Fid fid, byte[] value)
    {
        BsonValue key = Key(fid);
        byte[] bytes = new byte[value.Length + SumBytes];
        value.CopyTo(bytes, 0);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(value.Length), SumOf(key.AsBinary, value));
        return LiteDbFile.Row(key, bytes);
    }

    private static uint SumOf(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        var sum = Crc32C.From(Crc32C.Of(key));
        sum.Add(value);
        return sum.Value;
    }

    /// <summary>Null: the row is damaged.</summary>
    private (Fid Fid, byte[] Value)? Unsum(BsonValue key, byte[]? bytes)
    {
        if (key.AsBinary is not { Length: KeyBytes } of || bytes is null || bytes.Length < SumBytes)
            return null;
        byte[] value = bytes[..^SumBytes];
        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(value.Length)) != SumOf(of, value))
            return null;
        var vnode = new VnodeNumber(BinaryPrimitives.ReadUInt64BigEndian(of));
        return (new Fid(_volume, vnode, new Uniquifier(BinaryPrimitives.ReadUInt32BigEndian(of.AsSpan(8)))), value);
    }

    private static FetchStatus? Decode(byte[] bytes)
    {
        try
        {
            return WireCodec.FromBytes<FetchStatus>(bytes);
        }
        catch (MalformedMessageException)
        {
            return null;
        }
    }

    [LoggerMessage(EventId = 320, Level = LogLevel.Warning, Message = "{Name} can't be read ({Reason}) and is begun anew: what it says is asked of the server again")]
    private partial void LogDamaged(string name, string reason);
}
