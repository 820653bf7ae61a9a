using System.Collections.Immutable;
using Afs.Rpc;
using Afs.Wire;

namespace Afs.Simulation;

/// <summary>All that the server ever committed, as seen from outside time: every version of every file and directory, and every mutation.</summary>
internal sealed class ServerHistory(SimWorld world)
{
    private readonly HashSet<(SessionId, CallSequence, int)> _calls = [];
    private readonly Dictionary<ClientId, BatchNumber> _batches = [];
    private readonly Dictionary<ulong, List<FileVersion>> _files = [];
    private readonly Dictionary<ulong, SortedList<ulong, ImmutableSortedDictionary<string, ulong>>> _directories = [];
    private readonly Dictionary<ulong, FetchStatus> _vnodes = [];

    public List<Mutation> Mutations { get; } = [];

    /// <summary>What goes along with contents and names.</summary>
    public StatusHistory Statuses { get; } = new(world);

    /// <summary>Gets each new version of a file's content.</summary>
    public Action<ulong, FileVersion>? VersionStored { get; set; }

    /// <summary>Gets each transaction, when all of it is known here.</summary>
    public Action<IReadOnlyList<Mutation>>? HaveCommitted { get; set; }

    /// <summary>The versions of a file, oldest first.</summary>
    public IReadOnlyList<FileVersion> Versions(ulong vnode) => _files.TryGetValue(vnode, out List<FileVersion>? versions) ? versions : [];

    /// <summary>A directory's entries at a version; null: there was no such version.</summary>
    public ImmutableSortedDictionary<string, ulong>? Entries(ulong directory, ulong version) =>
        _directories.TryGetValue(directory, out var versions) && versions.TryGetValue(version, out ImmutableSortedDictionary<string, ulong>? entries) ? entries : null;

    /// <summary>What a name stood for at a version of its directory, and at all later ones; zero for nothing.</summary>
    public IEnumerable<ulong> Meanings(ulong directory, string name, ulong sinceVersion) =>
        _directories.TryGetValue(directory, out var versions) ? versions.Where(pair => pair.Key >= sinceVersion).Select(pair => pair.Value.GetValueOrDefault(name)) : [];

    public bool Exists(ulong vnode) => _vnodes.ContainsKey(vnode);

    public bool WasEver(ulong vnode) => _files.ContainsKey(vnode) || _directories.ContainsKey(vnode);

    /// <summary>The entries of a directory as of now.</summary>
    public ImmutableSortedDictionary<string, ulong> Current(ulong directory) => _directories[directory].Values[^1];

    public FetchStatus Status(ulong vnode) => _vnodes[vnode];

    public IEnumerable<ulong> Directories => _vnodes.Values.Where(static s => s.Type == FileType.Directory).Select(static s => s.Fid.Vnode.Value);

    /// <summary>The root, which the server made by itself.</summary>
    public void Begin(FetchStatus root)
    {
        if (_vnodes.TryAdd(root.Fid.Vnode.Value, root))
        {
            _directories[root.Fid.Vnode.Value] = new() { [root.DataVersion.Value] = ImmutableSortedDictionary<string, ulong>.Empty };
            Statuses.Begin(root);
        }
    }

    /// <summary>One transaction of the server, on stable storage.</summary>
    public void Committed(IReadOnlyList<Mutation> mutations)
    {
        foreach (Mutation mutation in mutations)
        {
            mutation.At = world.NextSequence();
            if (!_calls.Add((mutation.Session, mutation.Call, mutation.Place)))
                world.Violated($"S6: call {mutation.Call.Value} of session {mutation.Session.Value} was executed twice");
            if (mutation.Batch != default && mutation.Place == 0)
                CheckBatch(mutation);
            Mutations.Add(mutation);
            Statuses.Committed(mutation);
            Apply(mutation);
        }
        HaveCommitted?.Invoke(mutations);
    }

    /// <summary>Batches of a client follow each other: none twice, none left out.</summary>
    private void CheckBatch(Mutation mutation)
    {
        BatchNumber last = _batches.GetValueOrDefault(mutation.Client);
        if (mutation.Batch != last.Next)
            world.Violated($"S9: batch {mutation.Batch.Value} of client {mutation.Client} was applied after batch {last.Value}");
        _batches[mutation.Client] = mutation.Batch;
    }

    private void Apply(Mutation mutation)
    {
        foreach (FetchStatus status in mutation.Statuses)
            Apply(status, mutation);
        foreach (IGrouping<ulong, NameWrite> writes in mutation.Names.GroupBy(static w => w.Directory))
            Apply(writes);
        foreach (VnodeNumber vnode in mutation.Deleted)
            _vnodes.Remove(vnode.Value);
    }

    private void Apply(FetchStatus status, Mutation mutation)
    {
        ulong vnode = status.Fid.Vnode.Value;
        FetchStatus? before = _vnodes.GetValueOrDefault(vnode);
        if (before is not null && (status.DataVersion.Value < before.DataVersion.Value || status.StatusVersion.Value <= before.StatusVersion.Value))
            world.Violated($"versions of {status.Fid} went back: from {before.DataVersion} to {status.DataVersion}");
        _vnodes[vnode] = status;
        if (before?.DataVersion == status.DataVersion)
            return;
        if (status.Type == FileType.Directory)
        {
            if (!_directories.TryGetValue(vnode, out var versions))
                versions = _directories[vnode] = [];
            versions[status.DataVersion.Value] = versions.Count == 0 ? ImmutableSortedDictionary<string, ulong>.Empty : versions.Values[^1];
        }
        else
        {
            var version = new FileVersion(status.DataVersion.Value, status.ContentCrc32C, status.LengthBytes, mutation.At, mutation.Client);
            if (!_files.TryGetValue(vnode, out List<FileVersion>? versions))
                versions = _files[vnode] = [];
            versions.Add(version);
            VersionStored?.Invoke(vnode, version);
        }
    }

    private void Apply(IGrouping<ulong, NameWrite> writes)
    {
        SortedList<ulong, ImmutableSortedDictionary<string, ulong>> versions = _directories[writes.Key];
        ImmutableSortedDictionary<string, ulong> entries = versions.Values[^1];
        foreach (NameWrite write in writes)
            entries = write.Target == 0 ? entries.Remove(write.Name) : entries.SetItem(write.Name, write.Target);
        versions[versions.Keys[^1]] = entries;
    }
}
