using Afs.Wire;

namespace Afs.Vfs.Tests;

/// <summary>One vnode of the fake server.</summary>
internal sealed class FakeVnode(FetchStatus status)
{
    public FetchStatus Status { get; set; } = status;

    public byte[] Content { get; set; } = [];

    public SortedDictionary<string, Fid> Entries { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, byte[]> Xattrs { get; } = [];
}
