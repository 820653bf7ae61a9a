namespace Afs.Vice.Volumes.Metadata;

/// <summary>
/// Everything durable but large contents: volumes, vnodes, directory entries, xattrs, small contents, sessions, replies.
/// One writer at a time, any number of views. Failures throw <see cref="StorageException"/>.
/// </summary>
public interface IMetadataStore : IDisposable
{
    /// <summary>A consistent snapshot of what was committed when it is first read. Never waits for the writer. Belongs to one thread; short-lived.</summary>
    IMetadataView OpenView();

    /// <summary>The one transaction. A second before the first is disposed is a broken invariant and throws.</summary>
    IMetadataTransaction BeginTransaction();

    /// <summary>Chores that may take a while, such as moving the log into the database. The writer's thread calls it when nothing waits.</summary>
    void Maintain();
}
