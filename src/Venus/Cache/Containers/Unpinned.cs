namespace Afs.Venus.Cache;

/// <summary>What the end of a use of a container leads to.</summary>
internal struct Unpinned
{
    public bool WasLast;

    /// <summary>It was the last that wrote, and there are changes that the server doesn't have.</summary>
    public bool IsLeftUnstored;

    /// <summary>The file is nobody's: delete it.</summary>
    public bool IsToDelete;
}
