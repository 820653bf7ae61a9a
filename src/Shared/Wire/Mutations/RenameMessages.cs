using Afs.Rpc;

namespace Afs.Wire;

/// <summary>How a rename treats the new name (RENAME_NOREPLACE, RENAME_EXCHANGE of rename(2)).</summary>
public enum RenameMode : byte
{
    Replace = 0,
    NoReplace = 1,
    Exchange = 2,
}

/// <summary>Moves a name, atomically, by the rules of rename(2).</summary>
[WireMessage]
public sealed partial record RenameRequest
{
    [Key(0)] public required Fid FromParent { get; init; }
    [Key(1), Limit(Limits.NameBytes)] public required byte[] FromName { get; init; }
    [Key(2)] public required Fid ToParent { get; init; }
    [Key(3), Limit(Limits.NameBytes)] public required byte[] ToName { get; init; }
    [Key(4)] public required RenameMode Mode { get; init; }
    [Key(5)] public required Timestamp Time { get; init; }
}

[WireMessage]
public sealed partial record RenameReply
{
    [Key(0)] public required FetchStatus FromParent { get; init; }
    [Key(1)] public required FetchStatus ToParent { get; init; }

    /// <summary>What was moved.</summary>
    [Key(2)] public required FetchStatus Moved { get; init; }

    /// <summary>Exchange: what was moved the other way. Replace: what lost the new name and has others left. Else null.</summary>
    [Key(3)] public FetchStatus? Other { get; init; }

    /// <summary>Replace: the fid that lost the new name; default where the name was free.</summary>
    [Key(4)] public Fid Replaced { get; init; }
}
