using System.Collections.Immutable;
using Afs.Wire;

namespace Afs.Simulation;

/// <summary>What goes along with a vnode as of one version of its status: all fields, and its xattrs, in hexadecimal.</summary>
internal sealed record VnodeState(FetchStatus Status, ImmutableSortedDictionary<string, string> Xattrs)
{
    /// <summary>What a client says of it; the content's side of it is judged elsewhere.</summary>
    public bool IsToldBy(FetchStatus told) =>
        (told.Mode, told.Uid, told.Gid, told.HasXattrs, told.Lists) == (Status.Mode, Status.Uid, Status.Gid, Status.HasXattrs, Status.Lists)
        && (told.AccessTime, told.ModifyTime, told.ChangeTime) == (Status.AccessTime, Status.ModifyTime, Status.ChangeTime);
}

/// <summary>All that the server ever committed of modes, owners, times, xattrs and access lists.</summary>
internal sealed class StatusHistory(SimWorld world)
{
    private readonly Dictionary<ulong, SortedList<ulong, VnodeState>> _states = [];

    /// <summary>The root, which the server made by itself.</summary>
    public void Begin(FetchStatus root) => Of(root.Fid.Vnode.Value).TryAdd(root.StatusVersion.Value, new VnodeState(root, ImmutableSortedDictionary<string, string>.Empty));

    public VnodeState? At(ulong vnode, StatusVersion version) => _states.GetValueOrDefault(vnode)?.GetValueOrDefault(version.Value);

    public VnodeState Current(ulong vnode) => _states[vnode].Values[^1];

    /// <summary>The states from a version on.</summary>
    public IEnumerable<VnodeState> Since(ulong vnode, ulong version) =>
        _states.TryGetValue(vnode, out SortedList<ulong, VnodeState>? states) ? states.Where(pair => pair.Key >= version).Select(static pair => pair.Value) : [];

    /// <summary>Gets each mutation as it is committed.</summary>
    public void Committed(Mutation mutation)
    {
        mutation.IsOfStatusOnly = mutation.Statuses.Count > 0 && mutation.Names.Count == 0 && mutation.Deleted.Count == 0
            && mutation.Statuses.TrueForAll(status => _states.TryGetValue(status.Fid.Vnode.Value, out SortedList<ulong, VnodeState>? states)
                && states.Values[^1].Status.DataVersion == status.DataVersion);
        foreach (FetchStatus status in mutation.Statuses)
        {
            SortedList<ulong, VnodeState> states = Of(status.Fid.Vnode.Value);
            ImmutableSortedDictionary<string, string> xattrs = states.Count > 0 ? states.Values[^1].Xattrs : ImmutableSortedDictionary<string, string>.Empty;
            foreach (XattrWrite write in mutation.Xattrs.Where(write => write.Vnode == status.Fid.Vnode.Value))
                xattrs = write.Value is { } value ? xattrs.SetItem(write.Name, value) : xattrs.Remove(write.Name);
            states[status.StatusVersion.Value] = new VnodeState(status, xattrs);
            CheckInStep(status, xattrs);
        }
    }

    /// <summary>The status says whether there are xattrs, and an access list has the bits of the mode.</summary>
    private void CheckInStep(FetchStatus status, ImmutableSortedDictionary<string, string> xattrs)
    {
        xattrs.TryGetValue(Convert.ToHexString(AccessList.AccessName), out string? list);
        bool isInStep = list is null || AccessList.ModeOf(Convert.FromHexString(list), status.Mode) == status.Mode;
        if (status.HasXattrs != (xattrs.Count > 0) || status.Lists.HasFlag(AccessLists.Access) != (list is not null) || !isInStep)
            world.Violated($"the status of {status.Fid} is out of step with its {xattrs.Count} xattrs: it has some: {status.HasXattrs}, lists: {status.Lists}, mode {status.Mode:x}, access list {list}");
    }

    private SortedList<ulong, VnodeState> Of(ulong vnode)
    {
        if (!_states.TryGetValue(vnode, out SortedList<ulong, VnodeState>? states))
            states = _states[vnode] = [];
        return states;
    }
}
