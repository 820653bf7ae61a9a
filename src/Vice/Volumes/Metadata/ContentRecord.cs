using Afs.Rpc;
using Afs.Vice.Volumes.Content;
using Afs.Wire;

namespace Afs.Vice.Volumes.Metadata;

/// <summary>Where a file's current content is. An empty file has none.</summary>
/// <param name="Version">The version of the file that it belongs to.</param>
/// <param name="Object">The file in the content store; <see cref="ObjectId.None"/> where the content is <paramref name="Inline"/>.</param>
/// <param name="Inline">A small content itself; else null.</param>
/// <param name="Writer">Who stored it.</param>
/// <param name="Base">The whole content file that <paramref name="Object"/> is a patch over; <see cref="ObjectId.None"/> where it is whole.</param>
public sealed record ContentRecord(DataVersion Version, ObjectId Object, byte[]? Inline, ClientId Writer, ObjectId Base = default)
{
    /// <summary>The content files that it needs.</summary>
    public IEnumerable<ObjectId> Objects => new[] { Object, Base }.Where(static id => id != ObjectId.None);
}
