namespace Afs.Simulation;

/// <summary>The versions of one vnode that somebody was told are stored, and when: whoever asks later gets those or newer ones (S1).</summary>
internal sealed class Acknowledged
{
    private readonly List<(long At, ulong Version)> _versions = [];

    public void Add(long at, ulong version)
    {
        if (_versions.Count == 0 || version > _versions[^1].Version)
            _versions.Add((at, version));
    }

    /// <summary>The highest that was acknowledged before a moment; zero for none.</summary>
    public ulong Before(long moment)
    {
        for (int i = _versions.Count - 1; i >= 0; i--)
        {
            if (_versions[i].At < moment)
                return _versions[i].Version;
        }
        return 0;
    }
}
