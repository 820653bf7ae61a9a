using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>Gives the held containers to those that go on with them.</summary>
internal sealed class HeldFiles(HeldContainers held, VnodeTable vnodes, ContentCache contents, ContentStorer storer, ContentUses uses) : IHeldFiles
{
    public IContainer? TryTake(ContainerId id, bool isWriting)
    {
        if (held.Find(id) is not { } container || !container.TryPin())
            return null;
        if (isWriting)
            container.BeginWriting();
        return new ContainerUse(container, isWriting, storer, uses);
    }

    public void RestoreRemoved(FetchStatus last)
    {
        vnodes.RestoreRemoved(last);
        contents.Removed(last.Fid);
    }

    public void Finish() => held.Release();
}
