namespace Afs.Venus.Cache;

/// <summary>What a container file says of itself, where it says more than the server.</summary>
internal static class LocalStatuses
{
    /// <summary>The container is pinned.</summary>
    public static bool TryGet(Container container, out LocalStatus status)
    {
        status = default;
        if (!container.EverWritten)
            return false;
        ContainerStat stat = container.GetStat();
        bool differs = stat.Differs(container.Baseline);
        if (!container.IsLocal && !differs)
            return false;
        bool isChanged = differs && !container.MayHaveOnlyItsTimeSet(stat);
        status = new LocalStatus(stat.LengthBytes, stat.AllocatedBytes, stat.ModifyTime, isChanged ? stat.ChangeTime : null);
        return true;
    }
}
