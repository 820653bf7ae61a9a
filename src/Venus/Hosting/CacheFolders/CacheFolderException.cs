namespace Afs.Venus.Hosting;

/// <summary>A cache directory can't be used. The message is for the one who asked for it.</summary>
public sealed class CacheFolderException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Another daemon has it.</summary>
    public bool IsInUse { get; init; }
}
