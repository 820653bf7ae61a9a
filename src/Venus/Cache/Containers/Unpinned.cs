namespace Afs.Venus.Cache;

/// <summary>What the end of a use of a container leads to.</summary>
internal struct Unpinned
{
    public bool WasLast;

    /// <summary>The file is nobody's: delete it.</summary>
    public bool IsToDelete;
}
