using Afs.Vice.Volumes.Metadata;

namespace Afs.Vice.Hosting.Admin;

/// <summary>Whether the server can do its work: for who would start it again, or take another.</summary>
/// <param name="findBroken">Why the server is about to end; null: it isn't.</param>
internal sealed class ViceHealth(IMetadataStore metadata, Func<string?> findBroken)
{
    /// <summary>Null: it is well. Else why not, in one line. Reads the database, as any open does.</summary>
    public string? FindTrouble()
    {
        if (findBroken() is { } broken)
            return broken;
        try
        {
            using IMetadataView view = metadata.OpenView();
            view.ReadServer();
            return null;
        }
        catch (StorageException e)
        {
            return $"the metadata can't be read: {e.Failure}";
        }
    }
}
