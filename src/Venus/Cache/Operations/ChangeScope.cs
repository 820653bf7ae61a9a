using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>From before a mutation is sent until its reply was applied: the statuses that it changes are under way (rule R5 of PromiseRules).</summary>
internal readonly struct ChangeScope : IDisposable
{
    private readonly Statuses _statuses;
    private readonly Fid _first, _second;

    public ChangeScope(Statuses statuses, Fid first, Fid second = default)
    {
        (_statuses, _first, _second) = (statuses, first, second == first ? default : second);
        statuses.BeginChange(first);
        if (_second != default)
            statuses.BeginChange(_second);
    }

    public void Dispose()
    {
        _statuses.EndChange(_first);
        if (_second != default)
            _statuses.EndChange(_second);
    }
}
