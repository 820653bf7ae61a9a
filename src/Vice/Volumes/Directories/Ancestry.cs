using Afs.Rules;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;

namespace Afs.Vice.Volumes.Directories;

/// <summary>
/// Whether a directory is above another, for a rename that would put it below itself. The walk to the root is as long as the tree is deep, so it is not made inside the
/// writer, for which all others wait: it is made before, in a view, and the writer only looks whether a directory on that way has been moved since. Where
/// one has, the rename is run again with another walk: who moves the directories that he walks waits for himself alone.
/// </summary>
internal sealed class Ancestry : IAncestry
{
    /// <summary>More than any tree is deep; past it the parents go in a circle.</summary>
    private const int MostLevels = 1_000_000;

    /// <summary>What needs no walk: nothing moves from one directory into another.</summary>
    public static readonly Ancestry None = new(new DirectoryMoves(), 0, []);

    private readonly DirectoryMoves _moves;
    private readonly long _seen;
    private readonly Dictionary<Fid, HashSet<Fid>> _above;

    private Ancestry(DirectoryMoves moves, long seen, Dictionary<Fid, HashSet<Fid>> above) => (_moves, _seen, _above) = (moves, seen, above);

    /// <summary>Walks from both directories to the root, in a view of now. May block for the disk.</summary>
    /// <exception cref="StorageException">There is no way to the root.</exception>
    public static Ancestry Walk(IMetadataStore metadata, DirectoryMoves moves, Fid first, Fid second)
    {
        long seen = moves.Committed; // Before the view: it shows all of these.
        using IMetadataView view = metadata.OpenView();
        return new(moves, seen, new() { [first] = Above(view, first), [second] = Above(view, second) });
    }

    /// <summary>True: <paramref name="candidate"/> is <paramref name="directory"/> or above it. On the writer's thread.</summary>
    /// <exception cref="StaleWalkException">It isn't known any more.</exception>
    public bool Includes(Fid directory, Fid candidate)
    {
        if (!_above.TryGetValue(directory, out HashSet<Fid>? above) || _moves.HasMoved(above, _seen))
            throw new StaleWalkException();
        return above.Contains(candidate);
    }

    /// <summary>On the writer's thread.</summary>
    public void Moves(Fid directory) => _moves.Note(directory);

    /// <summary>With the directory itself. Empty: there is no such directory.</summary>
    private static HashSet<Fid> Above(IMetadataView view, Fid directory)
    {
        HashSet<Fid> above = [];
        Fid at = directory;
        while (view.FindVnode(at.Volume, at.Vnode) is { Type: FileType.Directory } status && status.Fid == at)
        {
            above.Add(at);
            if (status.Parent == at)
                return above;
            at = status.Parent;
            if (above.Count >= MostLevels)
                throw Broken(directory);
        }
        return above.Count == 0 ? above : throw Broken(at);
    }

    private static StorageException Broken(Fid at) =>
        new(StorageFailure.Corrupt, $"Directory {at} has no path to its volume's root. Run vice salvage.");
}

/// <summary>
/// For the renames of a batch, whose directories may be ones that it made or moved itself: walks inside the writer's transaction, which nothing changes meanwhile. All others wait for that, so
/// the levels of one batch are bounded.
/// </summary>
internal sealed class WriterAncestry(IMetadataView transaction, DirectoryMoves moves) : IAncestry
{
    /// <summary>Levels that the renames of one batch may walk together.</summary>
    public const int MostLevels = 16_384;

    private int _left = MostLevels;

    /// <exception cref="TooDeepException">That isn't found out here.</exception>
    /// <exception cref="StorageException">There is no way to the root.</exception>
    public bool Includes(Fid directory, Fid candidate)
    {
        for (Fid at = directory; at != candidate;)
        {
            if (--_left < 0)
                throw new TooDeepException();
            if (transaction.FindVnode(at.Volume, at.Vnode) is not { Type: FileType.Directory } status || status.Fid != at)
                throw new StorageException(StorageFailure.Corrupt, $"Directory {at} has no path to its volume's root. Run vice salvage.");
            if (status.Parent == at)
                return false;
            at = status.Parent;
        }
        return true;
    }

    public void Moves(Fid directory) => moves.Note(directory);
}

/// <summary>A rename of a batch would keep the writer for too long.</summary>
internal sealed class TooDeepException() : Exception("The tree is too deep to be walked inside the writer.");

/// <summary>A directory on the way to the root was moved after the walk. The rename that it was made for did nothing, and is to be run with another.</summary>
internal sealed class StaleWalkException() : Exception("A directory was moved meanwhile.");

/// <summary>The latest directories that were moved into another one. The writer notes them; <see cref="Committed"/> may be read by any thread.</summary>
internal sealed class DirectoryMoves
{
    /// <summary>What happened before is forgotten, and whoever may have missed it walks again.</summary>
    private const int Remembered = 1024;

    private readonly Fid[] _moved = new Fid[Remembered];
    private long _noted, _committed;

    /// <summary>Moves that every view shows which is opened from now on.</summary>
    public long Committed => Volatile.Read(ref _committed);

    /// <summary>Inside the transaction. It may be taken back, and is then noted for nothing.</summary>
    public void Note(Fid directory) => _moved[_noted++ % Remembered] = directory;

    /// <summary>What was noted until now is committed.</summary>
    public void Publish() => Volatile.Write(ref _committed, _noted);

    /// <summary>Some of these were moved since, or nobody knows.</summary>
    public bool HasMoved(HashSet<Fid> directories, long since)
    {
        if (_noted - since > Remembered)
            return true;
        for (long i = since; i < _noted; i++)
        {
            if (directories.Contains(_moved[i % Remembered]))
                return true;
        }
        return false;
    }
}
