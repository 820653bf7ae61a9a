using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>
/// Which change needs which earlier one, by what they are about. A change needs the last one before it
///  - that was about the same object, as its object or as what a rename moved away from a name;
///  - that gave or took the same name of the same directory;
/// and the one that made a directory or object that it names in any way. What it needs may need others: so a refused one takes along all that need it, directly or over others.
/// Changes are given in order; what is needed from before the first is not known, and settled.
/// </summary>
internal sealed class ChangeDependencies
{
    private readonly Dictionary<Fid, ChangeNumber> _made = [], _last = [];
    private readonly Dictionary<NameKey, ChangeNumber> _names = [];

    /// <summary>The changes that this one needs directly, each once, in order; and it is the last of all from here on.</summary>
    public IReadOnlyList<ChangeNumber> Add(ChangeNumber number, Change change)
    {
        var needed = new SortedSet<ChangeNumber>();
        foreach (Fid fid in change.Fids)
        {
            if (_made.TryGetValue(fid, out ChangeNumber maker))
                needed.Add(maker);
        }
        Follow(_last, change.Object, number, needed);
        if (change.Other != default)
            Follow(_last, change.Other, number, needed);
        if (change.IsOfNames && change.Parent != default)
            Follow(_names, new NameKey(change.Parent, change.Name), number, needed);
        if (change.IsOfNames && change.NewParent != default)
            Follow(_names, new NameKey(change.NewParent, change.NewName), number, needed);
        if (change.Kind == ChangeKind.Create)
            _made[change.Object] = number;
        needed.Remove(number);
        return [.. needed];
    }

    /// <summary>All of these changes that need one of those that were refused, directly or over others; in order, without the refused ones themselves.</summary>
    /// <param name="changes">In order, from the first that isn't settled.</param>
    public static List<LoggedChange> OfRefused(IReadOnlyList<LoggedChange> changes, IReadOnlySet<ChangeNumber> refused)
    {
        var dependencies = new ChangeDependencies();
        HashSet<ChangeNumber> lost = [.. refused];
        List<LoggedChange> dependants = [];
        foreach (LoggedChange change in changes)
        {
            // All are added: one that was lost still is the last of what it was about.
            bool isLost = dependencies.Add(change.Number, change.Change).Any(lost.Contains);
            if (isLost && lost.Add(change.Number))
                dependants.Add(change);
        }
        return dependants;
    }

    private static void Follow<T>(Dictionary<T, ChangeNumber> last, T key, ChangeNumber number, SortedSet<ChangeNumber> needed)
        where T : notnull
    {
        if (last.TryGetValue(key, out ChangeNumber before))
            needed.Add(before);
        last[key] = number;
    }
}

/// <summary>A name in a directory, byte by byte.</summary>
internal readonly struct NameKey(Fid directory, ReadOnlyMemory<byte> name) : IEquatable<NameKey>
{
    private readonly Fid _directory = directory;
    private readonly ReadOnlyMemory<byte> _name = name;

    public bool Equals(NameKey other) => _directory == other._directory && _name.Span.SequenceEqual(other._name.Span);

    public override bool Equals(object? other) => other is NameKey key && Equals(key);

    public override int GetHashCode()
    {
        var hash = new HashCode();
        hash.Add(_directory);
        hash.AddBytes(_name.Span);
        return hash.ToHashCode();
    }
}
