using Afs.Wire;

namespace Afs.Vice.Callbacks;

/// <summary>A promise to be broken, with all who wait for it. Belongs to its client's <see cref="BreakQueue"/>.</summary>
internal sealed class PendingBreak(HeldPromise promise)
{
    private List<byte[]>? _names = [];

    /// <summary>With the ticket of the latest change that it carries.</summary>
    public HeldPromise Promise { get; private set; } = promise;

    public List<BreakWait> Waits { get; } = [];

    /// <summary>How many names it carries.</summary>
    public int NameCount => _names?.Count ?? 0;

    /// <param name="names">Null: any name may have changed.</param>
    public void Merge(HeldPromise promise, IReadOnlyList<byte[]>? names, BreakWait wait)
    {
        Promise = promise;
        Waits.Add(wait);
        if (names is null || _names is null || _names.Count + names.Count > Limits.NamesPerBreak)
            _names = null;
        else
            _names.AddRange(names);
    }

    public PromiseBreak ToMessage() => new()
    {
        Fid = Promise.Fid,
        Names = _names is null ? null : [.. _names.Select(name => new ChangedName { Name = name })],
    };
}
