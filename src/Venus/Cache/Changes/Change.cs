using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>A change's place in the log of its volume: rises by one with each. The first is 1.</summary>
internal readonly record struct ChangeNumber(ulong Value) : IComparable<ChangeNumber>
{
    public static readonly ChangeNumber None = new(0);

    public ChangeNumber Next => new(Value + 1);

    public int CompareTo(ChangeNumber other) => Value.CompareTo(other.Value);

    public override string ToString() => Value.ToString();

    public static bool operator <(ChangeNumber a, ChangeNumber b) => a.Value < b.Value;

    public static bool operator >(ChangeNumber a, ChangeNumber b) => a.Value > b.Value;

    public static bool operator <=(ChangeNumber a, ChangeNumber b) => a.Value <= b.Value;

    public static bool operator >=(ChangeNumber a, ChangeNumber b) => a.Value >= b.Value;
}

/// <summary>What a change does. Numbers are on disk: never reused.</summary>
internal enum ChangeKind : byte
{
    /// <summary>A new object of any type: <see cref="Change.Object"/>, at <see cref="Change.Parent"/> and <see cref="Change.Name"/>; without both it has no name yet.</summary>
    Create = 1,

    /// <summary>One more name for <see cref="Change.Object"/>.</summary>
    Link = 2,

    /// <summary>
    /// <see cref="Change.Object"/> goes from <see cref="Change.Parent"/> and <see cref="Change.Name"/> to <see cref="Change.NewParent"/> and <see cref="Change.NewName"/>. <see cref="Change.Other"/>
    /// loses the new name to it.
    /// </summary>
    Rename = 3,

    /// <summary>As a rename, but <see cref="Change.Other"/> goes the other way.</summary>
    Exchange = 4,

    /// <summary>Takes a name from <see cref="Change.Object"/>, which is no directory.</summary>
    Remove = 5,

    /// <summary>The same of a directory, which is empty.</summary>
    RemoveDirectory = 6,

    /// <summary>What has no name and isn't needed any more goes.</summary>
    Release = 7,

    /// <summary>A new content of <see cref="Change.Object"/>: <see cref="Change.Content"/>.</summary>
    StoreContent = 8,

    /// <summary>Mode, owner, group or times of <see cref="Change.Object"/>: <see cref="Change.Fields"/>.</summary>
    StoreStatus = 9,

    /// <summary>Sets or removes an xattr of <see cref="Change.Object"/>.</summary>
    StoreXattr = 10,
}

/// <summary>The content that belongs to a store: the container that has it, and what it must be. A container that doesn't check is torn, and with it the log ends there.</summary>
internal readonly record struct ChangedContent(ContainerId Container, long LengthBytes, uint Crc32C);

/// <summary>
/// One change of a volume, as it waits for the server: the call's request, which nothing here reads, and what it is about. Who logs it fills in all that the kind names; the
/// rest stays default. What it is about decides what may be left out of a batch and what depends on what: a fid or a name that is missing here is a dependency that nobody sees.
/// </summary>
internal sealed record Change
{
    public required ChangeKind Kind { get; init; }

    /// <summary>The number of the call's operation in the contract, by which the request is read.</summary>
    public required ushort Operation { get; init; }

    /// <summary>Whose change it is; the server is asked in his name, whenever that is.</summary>
    public required Caller Caller { get; init; }

    /// <summary>The request as on the wire, with fids and times in it. At most <see cref="ChangeRecords.MostRequestBytes"/>; whoever logs it no longer changes it.</summary>
    public required ReadOnlyMemory<byte> Request { get; init; }

    /// <summary>What is made, named, moved, removed or changed.</summary>
    public required Fid Object { get; init; }

    /// <summary>The directory of <see cref="Name"/>.</summary>
    public Fid Parent { get; init; }

    /// <summary>The name that is given or taken, in bytes as the kernel has it; of an xattr its name.</summary>
    public ReadOnlyMemory<byte> Name { get; init; }

    /// <summary>The directory of <see cref="NewName"/>.</summary>
    public Fid NewParent { get; init; }

    public ReadOnlyMemory<byte> NewName { get; init; }

    /// <summary>What a rename replaces or exchanges; default where the new name was free.</summary>
    public Fid Other { get; init; }

    public ChangedContent Content { get; init; }

    public StatusFields Fields { get; init; }

    /// <summary>Nothing before it is left out for the sake of something behind it, and it itself is sent in any case.</summary>
    public bool IsFence { get; init; }

    /// <summary>It changes which names a directory has.</summary>
    public bool IsOfNames => Kind is >= ChangeKind.Create and <= ChangeKind.RemoveDirectory;

    /// <summary>All fids that it touches, each once.</summary>
    public IEnumerable<Fid> Fids => new[] { Object, Parent, NewParent, Other }.Where(static fid => fid != default).Distinct();

    /// <summary>Bytes that wait for the server: the request's and the content's.</summary>
    public long WaitingBytes => Request.Length + Content.LengthBytes;
}

/// <summary>A change that is in the log.</summary>
/// <param name="LoggedAt">When, by this machine's clock.</param>
/// <param name="LoggedTimestamp">The same as <see cref="TimeProvider.GetTimestamp"/> has it; of what an earlier daemon left, when the log was opened.</param>
/// <param name="TotalBytes"><see cref="Change.WaitingBytes"/> of this one and of all before it since the log was opened.</param>
/// <param name="RecordNumber">Which record of the log it is, as syncs count them.</param>
internal readonly record struct LoggedChange(ChangeNumber Number, Change Change, DateTimeOffset LoggedAt, long LoggedTimestamp, long TotalBytes, long RecordNumber);

/// <summary>
/// What becomes of each change of a batch: its own place in the batch: it is sent; the place of a later one: that one stands for it; or one of the two other values. It is in the log
/// before the batch is sent, so that a batch that is sent again is the same one, whatever program sends it.
/// </summary>
internal static class ChangeFate
{
    /// <summary>With others of the batch it comes to nothing.</summary>
    public const ushort Cancelled = 0xFFFF;

    /// <summary>It depends on one that was refused, and is not sent.</summary>
    public const ushort Withdrawn = 0xFFFE;

    public static bool IsSent(ReadOnlySpan<ushort> fates, int place) => fates[place] == place;
}

/// <summary>A change of an earlier batch, which the one at this place of a batch must not run without.</summary>
internal readonly record struct EarlierNeed(ushort Place, ChangeNumber Needed);

/// <summary>That a batch is about to be sent: its number, its first and last change, and a <see cref="ChangeFate"/> for each.</summary>
/// <param name="Needs">What it needs of batches that weren't answered then. When it is sent again these may be settled and forgotten here, and refused.</param>
internal sealed record BatchNote(BatchNumber Number, ChangeNumber First, ushort[] Fates, EarlierNeed[] Needs)
{
    public ChangeNumber Last => new(First.Value + (ulong)Fates.Length - 1);
}
