namespace Afs.Venus.Cache;

/// <summary>
/// Containers that the kernel still has open: pinned from the loading of the index until they were taken over. One that is open for writing was never
/// closed, and nothing about it is decided now.
/// </summary>
internal sealed class HeldContainers(IReadOnlyList<HeldContainer> wanted, ContainerTable table, ContainerFactory factory)
{
    private readonly Dictionary<ContainerId, HeldContainer> _wanted = wanted.ToDictionary(static h => h.Id);
    private readonly Dictionary<ContainerId, Container> _kept = [];

    public bool Wants(ContainerId id) => _wanted.ContainsKey(id);

    /// <summary>One from the index.</summary>
    public void Keep(Container container)
    {
        if (!_wanted.TryGetValue(container.Id, out HeldContainer? held))
            return;
        if (held.IsWritten)
            (container.NeedsRecovery, container.NeedsVerify) = (false, false);
        container.TryPin();
        _kept.Add(container.Id, container);
    }

    /// <summary>One that is open, but died with its daemon before the index heard of it: it lives as long as it is open.</summary>
    public void KeepUnlisted(ContainerId id)
    {
        HeldContainer held = _wanted[id];
        Container container = factory.Restore(new ContainerRecord(id, held.Fid, held.BaseVersion, ContainerState.Clean, 0, default, ""), wasCleanEnd: false);
        Keep(container);
        container.Retire(ContainerFate.Superseded);
    }

    public Container? Find(ContainerId id) => _kept.GetValueOrDefault(id);

    public void Release()
    {
        foreach (Container container in _kept.Values)
            table.Unpin(container);
        _kept.Clear();
    }
}
