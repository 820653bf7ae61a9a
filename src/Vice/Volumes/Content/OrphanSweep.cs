using Afs.Rpc;
using Afs.Vice.Volumes.Metadata;

namespace Afs.Vice.Volumes.Content;

/// <summary>Deletes contents that an earlier life of the server left and that nothing refers to. Runs while the server serves.</summary>
public sealed class OrphanSweep(IMetadataStore metadata, ContentStore store, Epoch epoch)
{
    /// <summary>How many were deleted.</summary>
    public int Run()
    {
        HashSet<ObjectId> referred;
        using (IMetadataView view = metadata.OpenView())
            referred = [.. view.ReadObjects()];
        int deleted = 0;
        foreach (int folder in ContentStore.AllFolders)
        {
            foreach (ObjectId id in store.List(folder).ToList())
            {
                // What this life made may be about to be referred to; it takes care of that itself.
                if (id.Epoch.Value < epoch.Value && !referred.Contains(id) && store.Delete(id))
                    deleted++;
            }
        }
        return deleted;
    }
}
