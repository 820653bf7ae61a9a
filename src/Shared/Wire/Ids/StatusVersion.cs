namespace Afs.Wire;

/// <summary>
/// Rises by one with each change of a vnode at all: content, entries, mode, owner, times, links, xattrs, name's parent.
/// Same fid and same StatusVersion: same status.
/// </summary>
public readonly record struct StatusVersion(ulong Value)
{
    public StatusVersion Next => new(Value + 1);

    public override string ToString() => Value.ToString();
}
