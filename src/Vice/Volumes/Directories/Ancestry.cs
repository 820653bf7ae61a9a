using Afs.Vice.Volumes.Metadata;
using Afs.Vice.Volumes.Mutations;
using Afs.Wire;

namespace Afs.Vice.Volumes.Directories;

/// <summary>Walks from a directory up to the root.</summary>
internal static class Ancestry
{
    /// <summary>More than any tree is deep; past it the parents go in a circle.</summary>
    private const int MostLevels = 1_000_000;

    /// <summary>True: <paramref name="candidate"/> is <paramref name="directory"/> or above it.</summary>
    public static bool Includes(MutationScope scope, Fid directory, Fid candidate)
    {
        Fid at = directory;
        for (int level = 0; level < MostLevels; level++)
        {
            if (at == candidate)
                return true;
            FetchStatus status = scope.Find(at) ?? throw Broken(at);
            if (status.Parent == at)
                return false;
            at = status.Parent;
        }
        throw Broken(directory);
    }

    private static StorageException Broken(Fid at) =>
        new(StorageFailure.Corrupt, $"Directory {at} has no path to its volume's root. Run vice salvage.");
}
