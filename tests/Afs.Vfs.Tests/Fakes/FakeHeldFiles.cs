using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Vfs.Tests;

/// <summary>Gives out the containers of a fake cache to a successor, but for those of fids that are lost.</summary>
internal sealed class FakeHeldFiles(FakeCache cache, params Fid[] fids) : IHeldFiles
{
    public List<FetchStatus> Removed { get; } = [];

    public bool IsFinished { get; private set; }

    public IContainer? TryTake(ContainerId id, bool isWriting)
    {
        FakeContainerFile? file = fids.Select(cache.FileOf).FirstOrDefault(f => f?.Id == id);
        if (file is null)
            return null;
        file.Uses++;
        if (isWriting)
            file.Writers++;
        return new FakeContainer(cache, file, isWriting);
    }

    public void RestoreRemoved(FetchStatus last) => Removed.Add(last);

    public void Finish() => IsFinished = true;
}
