namespace Afs.Simulation;

/// <summary>A file of which a client has changes that the server may not have: all processes of that client share them (S2).</summary>
internal sealed class LocalFile
{
    private int _writers;
    private bool _isUnstored;

    /// <summary>When it was so last; the end of time while it is.</summary>
    public long LastLocal { get; private set; }

    public bool HasWriters => _writers > 0;

    /// <summary>When an application of this client last did away with what was in it, or may have: by a truncation, or by writing over it.</summary>
    public long CutAt { get; set; }

    public void BeginWriting()
    {
        _writers++;
        LastLocal = long.MaxValue;
    }

    /// <param name="isStored">Null: the open failed, and what was unstored before still is.</param>
    public void EndWriting(bool? isStored, long now)
    {
        if (_writers == 0)
            return; // Its host died in this very turn.
        _writers--;
        _isUnstored = !isStored ?? _isUnstored;
        Settle(now);
    }

    /// <summary>Its host died: what was being written may be found by the next life.</summary>
    public void Died()
    {
        _isUnstored |= _writers > 0;
        _writers = 0;
    }

    private void Settle(long now) => LastLocal = _writers > 0 || _isUnstored ? long.MaxValue : now;
}
