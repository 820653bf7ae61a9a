using Afs.Rpc;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;

namespace Afs.Vice.Volumes.Mutations;

/// <summary>
/// One mutation at work inside the writer's transaction. It reads what earlier mutations of the transaction left, collects its own
/// changes in memory, and writes them with <see cref="Apply"/>, after the last reason to refuse. So a refused mutation leaves no trace.
/// Versions rise here and nowhere else: by one for each vnode that a mutation touches, however often.
/// </summary>
public sealed class MutationScope
{
    private readonly IMetadataTransaction _transaction;
    private readonly BatchVolumes _volumes;
    private readonly Dictionary<(VolumeId, VnodeNumber), VnodeWork> _work = [];
    private readonly List<(Fid Directory, EntryRecord Entry, bool IsSet)> _entries = [];

    internal MutationScope(IMetadataTransaction transaction, BatchVolumes volumes, SessionId session, ClientId client, DateTimeOffset now) =>
        (_transaction, _volumes, Session, Client, Now) = (transaction, volumes, session, client, now);

    public SessionId Session { get; }

    public ClientId Client { get; }

    /// <summary>The server's clock.</summary>
    public DateTimeOffset Now { get; }

    public ChangeSet Changes { get; } = new();

    public bool IsApplied { get; private set; }

    /// <summary>For writes that no vnode's versions tell of, and only after <see cref="Apply"/>.</summary>
    public IMetadataTransaction Transaction => IsApplied ? _transaction : throw new InvalidOperationException("Write after Apply.");

    public IMetadataView View => _transaction;

    public VolumeRecord? FindVolume(VolumeId volume) => _volumes.Find(volume);

    /// <summary>Null: no such vnode, or another life of its number.</summary>
    public FetchStatus? Find(Fid fid)
    {
        VnodeWork? work = Work(fid);
        return work is null || work.IsDeleted ? null : work.Status;
    }

    /// <summary>Why <see cref="Find"/> gave null.</summary>
    public AbortCode Missing(Fid fid) => _volumes.Find(fid.Volume) is null ? AbortCodes.NoVolume : AbortCodes.NoVnode;

    public EntryRecord? FindEntry(Fid directory, byte[] name) => _transaction.FindEntry(directory.Volume, directory.Vnode, name);

    public bool HasEntries(Fid directory) => _transaction.ReadEntries(directory.Volume, directory.Vnode, null, 1).Count > 0;

    /// <summary>A fid that was never given before.</summary>
    public Fid Allocate(VolumeId id)
    {
        VolumeRecord volume = _volumes.Find(id) ?? throw new InvalidOperationException($"No volume {id}.");
        volume = volume with { LastVnode = new VnodeNumber(volume.LastVnode.Value + 1) };
        _volumes.Set(volume);
        return new Fid(id, volume.LastVnode, volume.Uniquifier);
    }

    /// <summary>A new vnode. Its versions are 1.</summary>
    public void Add(FetchStatus status) =>
        _work.Add((status.Fid.Volume, status.Fid.Vnode), new VnodeWork { Status = status, IsNew = true, IsChanged = true });

    /// <summary>Fields but versions change to what <paramref name="status"/> has.</summary>
    public void Change(FetchStatus status, bool isDataChanged = false)
    {
        VnodeWork work = Work(status.Fid) ?? throw new InvalidOperationException($"No vnode {status.Fid}.");
        work.Status = status;
        work.IsChanged = true;
        work.IsDataChanged |= isDataChanged;
    }

    /// <summary>The vnode goes, with all that hangs on it.</summary>
    public void Delete(Fid fid)
    {
        VnodeWork work = Work(fid) ?? throw new InvalidOperationException($"No vnode {fid}.");
        work.IsDeleted = true;
        if (_transaction.FindContent(fid.Volume, fid.Vnode) is { } content)
            Changes.Retired.AddRange(content.Objects);
    }

    /// <summary>The name stands for <paramref name="target"/> from now on. The directory's own fields are the caller's to change.</summary>
    public void SetName(Fid directory, byte[] name, Fid target, FileType type) =>
        _entries.Add((directory, new EntryRecord(directory.Vnode, name, target, type), true));

    public void RemoveName(Fid directory, byte[] name) =>
        _entries.Add((directory, new EntryRecord(directory.Vnode, name, default, FileType.None), false));

    /// <summary>Writes all changes into the transaction, with risen versions.</summary>
    public void Apply()
    {
        if (IsApplied)
            throw new InvalidOperationException("A mutation applies once.");
        IsApplied = true;
        foreach ((Fid directory, EntryRecord entry, _) in _entries)
            NoteName(directory, entry.Name);
        foreach (VnodeWork work in _work.Values)
            Write(work);
        foreach ((Fid directory, EntryRecord entry, bool isSet) in _entries)
            Write(directory, entry, isSet);
        CountVolumes();
    }

    /// <summary>The status for the reply, after <see cref="Apply"/>; the caller gets a promise on it.</summary>
    public FetchStatus Promise(Fid fid)
    {
        Changes.Promised.Add(fid);
        return Find(fid) ?? throw new InvalidOperationException($"No vnode {fid}.");
    }

    private VnodeWork? Work(Fid fid)
    {
        if (!_work.TryGetValue((fid.Volume, fid.Vnode), out VnodeWork? work))
        {
            if (_transaction.FindVnode(fid.Volume, fid.Vnode) is not { } status)
                return null;
            work = new VnodeWork { Status = status };
            _work.Add((fid.Volume, fid.Vnode), work);
        }
        return work.Status.Fid == fid ? work : null;
    }

    private void NoteName(Fid directory, byte[] name)
    {
        VnodeWork work = Work(directory) ?? throw new InvalidOperationException($"No directory {directory}.");
        work.IsChanged = true;
        work.IsDataChanged = true;
        (work.Names ??= []).Add(name);
    }

    private void Write(VnodeWork work)
    {
        Fid fid = work.Status.Fid;
        if (work.IsDeleted)
        {
            _transaction.DeleteVnode(fid.Volume, fid.Vnode);
            Changes.Vnodes.Add(new VnodeChange(fid, null));
        }
        else if (work.IsChanged)
        {
            work.Status = work.Status with
            {
                StatusVersion = work.Status.StatusVersion.Next,
                DataVersion = work.IsDataChanged || work.IsNew ? work.Status.DataVersion.Next : work.Status.DataVersion,
            };
            _transaction.PutVnode(work.Status);
            if (!work.IsNew)
                Changes.Vnodes.Add(new VnodeChange(fid, work.Names));
        }
    }

    private void Write(Fid directory, EntryRecord entry, bool isSet)
    {
        if (isSet)
            _transaction.PutEntry(directory.Volume, entry);
        else
            _transaction.DeleteEntry(directory.Volume, directory.Vnode, entry.Name);
        if (Find(directory) is { } status)
            Changes.Names.Add(new NameChange(directory, status.DataVersion, entry.Name, entry.Target, entry.Type));
    }

    private void CountVolumes()
    {
        foreach (IGrouping<VolumeId, VnodeWork> works in _work.Values.Where(w => w.IsChanged || w.IsDeleted).GroupBy(w => w.Status.Fid.Volume))
        {
            VolumeRecord volume = _volumes.Find(works.Key) ?? throw new InvalidOperationException($"No volume {works.Key}.");
            ulong made = (ulong)works.Count(w => w.IsNew && !w.IsDeleted);
            ulong gone = (ulong)works.Count(w => !w.IsNew && w.IsDeleted);
            _volumes.Set(volume with { Version = new VolumeVersion(volume.Version.Value + 1), Vnodes = volume.Vnodes + made - gone });
        }
    }
}
