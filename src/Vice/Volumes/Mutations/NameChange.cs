using Afs.Wire;

namespace Afs.Vice.Volumes.Mutations;

/// <summary>A name that a mutation set or removed.</summary>
/// <param name="Version">The directory's, with the change.</param>
/// <param name="Target">What it stands for; default where it was removed.</param>
public sealed record NameChange(Fid Directory, DataVersion Version, byte[] Name, Fid Target, FileType Type)
{
    public bool IsSet => Target != default;
}
