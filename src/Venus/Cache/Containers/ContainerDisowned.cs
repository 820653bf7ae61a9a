using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>What becomes of a container whose base version turns out never to have been: docs/decisions/0114.</summary>
internal sealed partial class Container
{
    /// <summary>Counts <see cref="Disown"/>.</summary>
    private int _timesDisowned;

    /// <summary>It was disowned since that look: what would be stored now goes by a base version that never was.</summary>
    public bool IsDisownedSince(BeforeStore before)
    {
        lock (_lock)
            return before.TimesDisowned != _timesDisowned;
    }

    /// <summary>
    /// Its base version never was, nor was its removal here: the server refused it. Who has it open or mapped goes on, and what he stores from here on replaces a version that he has not seen.
    /// </summary>
    /// <returns>It wasn't to be stored any more, and is now.</returns>
    public bool Disown()
    {
        lock (_lock)
        {
            if (_fate == ContainerFate.Gone)
                return false;
            bool wasRemoved = _fate == ContainerFate.RemovedHere;
            if (wasRemoved)
                _fate = ContainerFate.Current;
            _timesDisowned++;
            (BaseVersion, Blocks) = (DataVersion.None, null);
            _index.PutLater(Record());
            return wasRemoved;
        }
    }
}
