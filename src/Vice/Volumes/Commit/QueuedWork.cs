using Afs.Vice.Volumes.Metadata;
using Afs.Vice.Volumes.Mutations;

namespace Afs.Vice.Volumes.Commit;

/// <summary>Something that waits for the writer. All methods but the last run on the writer's thread, in this order, and don't wait.</summary>
public abstract class QueuedWork
{
    /// <summary>Inside the transaction. What it throws as <see cref="StorageException"/> fails the whole batch.</summary>
    internal abstract void Run(IMetadataTransaction transaction, BatchVolumes volumes);

    /// <summary>The transaction is on stable storage.</summary>
    internal abstract void Committed();

    /// <summary>The transaction failed; nothing of it happened.</summary>
    internal abstract void Failed(StorageException failure);

    /// <summary>Who waits for it goes on here. On the writer's thread only where nothing else waits for that.</summary>
    internal abstract void Complete();
}
