namespace Afs.Simulation;

/// <summary>The versions of one vnode that somebody was told are stored, and when: whoever asks later gets those or newer ones (S1).</summary>
internal sealed class Acknowledged
{
    private readonly List<(long At, ulong Version)> _versions = [];

    /// <summary>In any order: who writes behind is told before the server has it.</summary>
    public void Add(long at, ulong version)
    {
        int place = _versions.Count;
        while (place > 0 && _versions[place - 1].Version > version)
            place--;
        if (place == 0 || _versions[place - 1].Version < version)
            _versions.Insert(place, (at, version));
        else if (at < _versions[place - 1].At)
            _versions[place - 1] = (at, version);
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
