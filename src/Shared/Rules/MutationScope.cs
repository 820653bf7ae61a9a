using Afs.Rpc;
using Afs.Wire;

namespace Afs.Rules;

/// <summary>
/// One mutation at work on the state of a volume. It reads what earlier mutations left, collects its own
/// changes in memory, and writes them with <see cref="Apply"/>, after the last reason to refuse. So a refused mutation leaves no trace.
/// Versions rise here and nowhere else: by one for each vnode that a mutation touches, however often.
/// </summary>
public class MutationScope(IVolumeState state, ChangeSet changes)
{
    private readonly Dictionary<(VolumeId, VnodeNumber), VnodeWork> _work = [];
    private readonly List<(Fid Directory, EntryRecord Entry, bool IsSet)> _entries = [];

    public ChangeSet Changes => changes;

    public bool IsApplied { get; private set; }

    /// <summary>For writes that no vnode's versions tell of, and only after <see cref="Apply"/>.</summary>
    public IVolumeState Written => IsApplied ? state : throw new InvalidOperationException("Write after Apply.");

    /// <summary>Null: no such vnode, another life of its number, or an object without a name that is another session's.</summary>
    public FetchStatus? Find(Fid fid)
    {
        VnodeWork? work = Work(fid);
        return work is null || work.IsDeleted ? null : work.Status;
    }

    /// <summary>Why <see cref="Find"/> gave null.</summary>
    public AbortCode Missing(Fid fid) => state.HasVolume(fid.Volume) ? AbortCodes.NoVnode : AbortCodes.NoVolume;

    public EntryRecord? FindEntry(Fid directory, byte[] name) => state.FindEntry(directory, name);

    public bool HasEntries(Fid directory) => state.HasEntries(directory);

    public IReadOnlyList<Xattr> ReadXattrs(Fid fid) => state.ReadXattrs(fid);

    /// <summary>What an entry stands for.</summary>
    public FetchStatus Target(EntryRecord entry) => Find(entry.Target) ?? throw state.Dangling(entry);

    public Fid Allocate(VolumeId volume) => state.Allocate(volume);

    /// <summary>Whether a new object may have this fid.</summary>
    public bool MayUse(Fid given) => state.MayUse(given);

    /// <summary>A new vnode. Its versions are 1.</summary>
    public void Add(FetchStatus status) =>
        _work.Add(
            (status.Fid.Volume, status.Fid.Vnode), new VnodeWork { Status = status, IsNew = true, IsChanged = true, AreXattrsChanged = status.HasXattrs });

    /// <summary>Fields but versions change to what <paramref name="status"/> has.</summary>
    public void Change(FetchStatus status, bool isDataChanged = false, bool areXattrsChanged = false)
    {
        VnodeWork work = Work(status.Fid) ?? throw new InvalidOperationException($"No vnode {status.Fid}.");
        work.Status = status;
        work.IsChanged = true;
        work.IsDataChanged |= isDataChanged;
        work.AreXattrsChanged |= areXattrsChanged;
    }

    /// <summary>The vnode goes, with all that hangs on it.</summary>
    public void Delete(Fid fid)
    {
        VnodeWork work = Work(fid) ?? throw new InvalidOperationException($"No vnode {fid}.");
        work.IsDeleted = true;
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
            if (state.Find(fid) is not { } status)
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
            state.DeleteVnode(fid);
            Changes.Vnodes.Add(new VnodeChange(fid, null));
        }
        else if (work.IsChanged)
        {
            StatusVersion version = work.Status.StatusVersion.Next;
            work.Status = work.Status with
            {
                StatusVersion = version,
                XattrsVersion = !work.Status.HasXattrs ? default : work.AreXattrsChanged ? version : work.Status.XattrsVersion,
                DataVersion = work.IsDataChanged || work.IsNew ? work.Status.DataVersion.Next : work.Status.DataVersion,
            };
            state.PutVnode(work.Status);
            if (!work.IsNew)
                Changes.Vnodes.Add(new VnodeChange(fid, work.Names));
        }
    }

    private void Write(Fid directory, EntryRecord entry, bool isSet)
    {
        if (isSet)
            state.PutEntry(directory, entry);
        else
            state.DeleteEntry(directory, entry.Name);
        if (Find(directory) is { } status)
            Changes.Names.Add(new NameChange(directory, status.DataVersion, entry.Name, entry.Target, entry.Type));
    }

    private void CountVolumes()
    {
        foreach (IGrouping<VolumeId, VnodeWork> works in _work.Values.Where(w => w.IsChanged || w.IsDeleted).GroupBy(w => w.Status.Fid.Volume))
        {
            ulong made = (ulong)works.Count(w => w.IsNew && !w.IsDeleted);
            ulong gone = (ulong)works.Count(w => !w.IsNew && w.IsDeleted);
            state.Count(works.Key, made, gone);
        }
    }
}

/// <summary>What one mutation changed, for whoever acts on it once it is committed. Nothing of it is true before.</summary>
public class ChangeSet
{
    /// <summary>Each vnode that changed or went, once.</summary>
    public List<VnodeChange> Vnodes { get; } = [];

    public List<NameChange> Names { get; } = [];

    /// <summary>Fids whose statuses the reply carries, so that the caller holds promises on them.</summary>
    public List<Fid> Promised { get; } = [];
}

/// <summary>A vnode that a mutation changed or removed, so that promises on it are void.</summary>
/// <param name="Names">A directory whose entries changed: which names did. Null: anything may have.</param>
public sealed record VnodeChange(Fid Fid, IReadOnlyList<byte[]>? Names);

/// <summary>A name that a mutation set or removed.</summary>
/// <param name="Version">The directory's, with the change.</param>
/// <param name="Target">What it stands for; default where it was removed.</param>
public sealed record NameChange(Fid Directory, DataVersion Version, byte[] Name, Fid Target, FileType Type)
{
    public bool IsSet => Target != default;
}

/// <summary>A vnode while a mutation works on it.</summary>
internal sealed class VnodeWork
{
    public required FetchStatus Status { get; set; }

    /// <summary>Something but the versions differs from what is stored.</summary>
    public bool IsChanged { get; set; }

    /// <summary>The change is one of content or entries: the data version rises too.</summary>
    public bool IsDataChanged { get; set; }

    /// <summary>The change is one of xattrs: they get a version of their own, too.</summary>
    public bool AreXattrsChanged { get; set; }

    public bool IsNew { get; init; }

    public bool IsDeleted { get; set; }

    public List<byte[]>? Names { get; set; }
}
