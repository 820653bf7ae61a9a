using Afs.Rpc;
using Afs.Vice.Volumes.Content;
using Afs.Wire;

namespace Afs.Vice.Volumes.Metadata;

/// <summary>Where a file's current content is. An empty file has none.</summary>
/// <param name="Version">The version of the file that it belongs to.</param>
/// <param name="Object">The file in the content store; <see cref="ObjectId.None"/> where <paramref name="Data"/> has what it would hold.</param>
/// <param name="Data">A small content itself, or, where there is a base, a small patch; else null.</param>
/// <param name="Writer">Who stored it.</param>
/// <param name="Base">The whole content file that <paramref name="Object"/> or <paramref name="Data"/> is a patch over; <see cref="ObjectId.None"/> where that is whole.</param>
public sealed record ContentRecord(DataVersion Version, ObjectId Object, byte[]? Data, ClientId Writer, ObjectId Base = default)
{
    /// <summary>The whole content, where it needs no file; else null.</summary>
    public byte[]? Inline => Base == ObjectId.None ? Data : null;

    /// <summary>The content files that it needs.</summary>
    public IEnumerable<ObjectId> Objects => new[] { Object, Base }.Where(static id => id != ObjectId.None);
}
