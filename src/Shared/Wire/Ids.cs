using Afs.Rpc;

namespace Afs.Wire;

/// <summary>The identifier of a file, directory or other object: volume, vnode, uniquifier. Holds for ever, whatever its name becomes.</summary>
[WireMessage]
public readonly partial record struct Fid(
    [property: Key(0)] VolumeId Volume,
    [property: Key(1)] VnodeNumber Vnode,
    [property: Key(2)] Uniquifier Uniquifier)
{
    public override string ToString() => $"{Volume}.{Vnode}.{Uniquifier}";
}

/// <summary>A volume: a tree of files with one root. Unique in its cell.</summary>
public readonly record struct VolumeId(uint Value)
{
    public override string ToString() => Value.ToString();
}

/// <summary>A file, directory or other object within its volume. Shown by stat as the inode number. Never reused within a volume's life.</summary>
public readonly record struct VnodeNumber(ulong Value)
{
    /// <summary>The root directory of every volume.</summary>
    public static readonly VnodeNumber Root = new(1);

    public override string ToString() => Value.ToString();
}

/// <summary>Tells one life of a vnode number from another, where a volume was restored from a backup; drawn for each vnode, so that fids aren't guessed by counting.</summary>
public readonly record struct Uniquifier(uint Value)
{
    public override string ToString() => Value.ToString();
}

/// <summary>Rises by one with each change of a file's content or a directory's entries. The first is 1.</summary>
public readonly record struct DataVersion(ulong Value)
{
    public static readonly DataVersion None = new(0);

    public DataVersion Next => new(Value + 1);

    public override string ToString() => Value.ToString();
}

/// <summary>
/// Rises by one with each change of a vnode at all: content, entries, mode, owner, times, links, xattrs, name's parent.
/// Same fid and same StatusVersion: same status.
/// </summary>
public readonly record struct StatusVersion(ulong Value)
{
    public StatusVersion Next => new(Value + 1);

    public override string ToString() => Value.ToString();
}

/// <summary>Rises with each change of anything in the volume. Same version: nothing in the volume changed.</summary>
public readonly record struct VolumeVersion(ulong Value)
{
    public override string ToString() => Value.ToString();
}

/// <summary>The number of a batch of changes (<see cref="ApplyBatchRequest"/>) among those of a client and a volume. The first is 1; zero is none.</summary>
public readonly record struct BatchNumber(ulong Value)
{
    public BatchNumber Next => new(Value + 1);

    public override string ToString() => Value.ToString();
}

/// <summary>Content that a client uploaded and that no file has yet. Random, chosen by the client, so that a repeated upload is the same one.</summary>
public readonly record struct UploadId(ulong Value)
{
    public override string ToString() => Value.ToString();
}

/// <summary>
/// What the number of a call's caller (<see cref="CallContext.Caller"/>) means in a session that gave nobody a number: what the client's kernel says of the process that asked, one more
/// than its uid. It is no proof. Zero: the client itself.
/// </summary>
public static class KernelCallers
{
    public static CallerNumber OfUid(uint uid) => new(uid + 1);

    /// <summary>Null: the client itself.</summary>
    public static uint? UidOf(CallerNumber caller) => caller.Value == 0 ? null : caller.Value - 1;
}
