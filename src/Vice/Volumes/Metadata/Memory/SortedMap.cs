using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;

namespace Afs.Vice.Volumes.Metadata.Memory;

/// <summary>An immutable map in key order that can be read from any key on; the framework's sorted dictionary can't.</summary>
internal sealed class SortedMap<TKey, TValue>
    where TKey : IComparable<TKey>
{
    public static readonly SortedMap<TKey, TValue> Empty = new(ImmutableSortedSet.Create<Item>(ByKey.Instance));

    private readonly ImmutableSortedSet<Item> _items;

    private SortedMap(ImmutableSortedSet<Item> items) => _items = items;

    public bool TryGet(TKey key, [MaybeNullWhen(false)] out TValue value)
    {
        bool found = _items.TryGetValue(new Item(key, default!), out Item item);
        value = item.Value;
        return found;
    }

    public TValue? Find(TKey key) => TryGet(key, out TValue? value) ? value : default;

    public SortedMap<TKey, TValue> Set(TKey key, TValue value)
    {
        var item = new Item(key, value);
        return new(_items.Remove(item).Add(item));
    }

    public SortedMap<TKey, TValue> Remove(TKey key) => new(_items.Remove(new Item(key, default!)));

    /// <summary>From <paramref name="key"/> on, in order; without itself if <paramref name="behind"/>.</summary>
    public IEnumerable<(TKey Key, TValue Value)> From(TKey key, bool behind)
    {
        int index = _items.IndexOf(new Item(key, default!));
        index = index < 0 ? ~index : behind ? index + 1 : index;
        for (; index < _items.Count; index++)
            yield return (_items[index].Key, _items[index].Value);
    }

    public IEnumerable<TValue> Values => _items.Select(item => item.Value);

    private readonly record struct Item(TKey Key, TValue Value);

    private sealed class ByKey : IComparer<Item>
    {
        public static readonly ByKey Instance = new();

        public int Compare(Item x, Item y) => x.Key.CompareTo(y.Key);
    }
}
