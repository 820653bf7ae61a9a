using Afs.Wire;

namespace Afs.Venus.Tests;

/// <summary>One mutation's turn: raises versions as it goes, and notes what was touched.</summary>
internal sealed class MemoryTurn(MemoryVolume volume)
{
    public HashSet<Fid> Touched { get; } = [];

    public MemoryVolume Volume => volume;

    public MemoryVnode? Find(Fid fid) => volume.Find(fid);

    /// <summary>The status rises by one version, whatever is set.</summary>
    public void Touch(MemoryVnode vnode, Func<FetchStatus, FetchStatus> change)
    {
        FetchStatus changed = change(vnode.Status);
        vnode.Status = Touched.Contains(vnode.Status.Fid) ? changed : changed with { StatusVersion = vnode.Status.StatusVersion.Next };
        Touched.Add(vnode.Status.Fid);
    }

    /// <summary>Sets and removes names; the directory rises by one version.</summary>
    public void Edit(MemoryVnode directory, Timestamp time, int subdirectories, params DirectoryChange[] changes)
    {
        Touch(directory, s => s with
        {
            DataVersion = s.DataVersion.Next,
            ModifyTime = time,
            ChangeTime = time,
            LinkCount = (uint)(s.LinkCount + subdirectories),
        });
        foreach (DirectoryChange change in changes)
        {
            if (change.IsSet)
                directory.Names[MemoryVolume.Text(change.Name)] = (change.Fid, change.Type);
            else
                directory.Names.Remove(MemoryVolume.Text(change.Name));
        }
        directory.Changes[directory.Status.DataVersion.Value] = [.. changes];
    }

    /// <summary>One name fewer; null where that was the last.</summary>
    public FetchStatus? DropName(Fid fid, Timestamp time)
    {
        MemoryVnode vnode = volume.Find(fid)!;
        if (vnode.Status.Type != FileType.Directory && vnode.Status.LinkCount > 1)
        {
            Touch(vnode, s => s with { LinkCount = s.LinkCount - 1, ChangeTime = time });
            return vnode.Status;
        }
        Touched.Add(fid);
        volume.Delete(fid);
        return null;
    }
}
