namespace Afs.Simulation;

/// <summary>
/// What clients that write behind told their applications was done (S9). It waits here until the server commits it, and counts as acknowledged from the moment at which that was told: so S1 is
/// asked of others. Of one client it arrives in the order in which it was told. It may be refused where the server refused something, and lost with the power of its machine.
/// An answer of such a client may be the server's of tomorrow: what isn't right at once is judged once more when nothing of the client waits.
/// </summary>
internal sealed class ChangesBehind(SimWorld world, Model model)
{
    private readonly Dictionary<int, BehindClient> _clients = [];
    private readonly List<WaitingChange> _waiting = [];
    private readonly List<WaitingAnswer> _answers = [];
    private readonly List<(int Client, Mutation Mutation)> _unanswered = [];

    public void Mounted(int client, BehindLife life)
    {
        if (!_clients.TryGetValue(client, out BehindClient? known))
            known = _clients[client] = new BehindClient();
        known.Life = life;
    }

    public bool Has(int client) => _clients.ContainsKey(client);

    /// <summary>The server refused the making of a file, or may have: so it never was, and who had it open goes on with what nobody else ever sees.</summary>
    public bool MayNeverHaveBeen(int client, ulong vnode) => _clients.TryGetValue(client, out BehindClient? known) && known.HasRefused && !model.History.WasEver(vnode);

    /// <summary>An application was told that it is done, and the server hasn't done it.</summary>
    public void Add(WaitingChange change)
    {
        BehindClient client = _clients[change.Client];
        CloseRefusal(change.Client);
        BehindLife life = client.Life!;
        change.ToldAt = model.Now();
        change.Life = life;
        change.Generation = life.Generation;
        change.MayBeRefused = client.IsRefusing;
        change.PowerLosses = client.PowerLosses;
        _waiting.Add(change);
    }

    /// <summary>
    /// It is at the server, without the lease under which it was told as done. From when is that acknowledged? From when its client has the answer: until then others may still be told of it, as of any change.
    /// </summary>
    public void AcknowledgeLater(int client, Mutation mutation) => _unanswered.Add((client, mutation));

    /// <summary>One transaction of the server.</summary>
    public void Committed(IReadOnlyList<Mutation> mutations)
    {
        foreach (Mutation mutation in mutations.Where(m => m.Batch != default && Has(model.NumberOf(m.Client))))
        {
            int client = model.NumberOf(mutation.Client);
            if (mutation.Refused > 0)
                Refused(client, mutation);
            if (_waiting.Find(w => w.Client == client && w.Runs(mutation)) is not { } change)
                continue;
            _waiting.Remove(change);
            change.Arrived(mutation);
            CheckOrder(client, change.Began, change.What, change.PowerLosses);
        }
    }

    /// <summary>Something of a client was found at the server: all that was told as done before it began must be there too.</summary>
    public void CheckOrder(int client, long began, string what, int? powerLosses = null)
    {
        if (!_clients.TryGetValue(client, out BehindClient? known))
            return;
        int losses = powerLosses ?? known.PowerLosses;
        if (_waiting.Find(w => w.Client == client && w.ToldAt < began && w.PowerLosses == losses && !IsExcused(w)) is { } before)
            world.Violated($"S9: the server has {what} of client {client}, and not {before.What}, which was done before");
    }

    /// <summary>fsync() told of success: all that was told as done by then is at the server.</summary>
    public void Synced(int client, long asked)
    {
        if (_waiting.Find(w => w.Client == client && w.ToldAt < asked && !w.IsLost && !IsExcused(w)) is { } left)
            world.Violated($"S4: client {client} was told that all is on stable storage, and the server doesn't have {left.What}");
    }

    public void Died(int client, bool losesPower)
    {
        if (!losesPower || !_clients.TryGetValue(client, out BehindClient? known))
            return;
        known.PowerLosses++;
        foreach (WaitingChange change in _waiting.Where(w => w.Client == client))
            change.IsLost = true;
        _answers.RemoveAll(answer => answer.Client == client);
    }

    /// <param name="judge">Null: it is right.</param>
    public void Judge(int client, Func<string?> judge)
    {
        if (judge() is not { } wrong)
            return;
        if (_clients.TryGetValue(client, out BehindClient? known) && known.Life!.WaitingChanges > 0)
            _answers.Add(new WaitingAnswer(client, judge, known.Life, known.Life.Generation));
        else
            world.Violated(wrong);
    }

    /// <summary>Once more, of those of whom nothing waits any more.</summary>
    public void JudgeAgain()
    {
        _unanswered.RemoveAll(one =>
        {
            BehindLife life = _clients[one.Client].Life!;
            if (life.Mount.Host.IsDead || life.WaitingChanges > 0)
                return false;
            model.Acknowledge(one.Mutation, model.Now());
            return true;
        });
        if (_answers.Count == 0)
            return;
        foreach (WaitingAnswer answer in _answers.Where(a => _clients[a.Client].Life!.WaitingChanges == 0).ToArray())
        {
            _answers.Remove(answer);
            // Without the lease others came in between, and what it was told of never came to be.
            if (!_clients[answer.Client].IsRefusing && answer.Life.Holds(answer.Generation) && answer.Judge() is { } wrong)
                world.Violated(wrong + ", nor was it later");
        }
        foreach (int client in _clients.Keys)
            CloseRefusal(client);
    }

    /// <summary>What another client did before then and still has to itself, though it holds its lease; null: nothing.</summary>
    public string? Unseen(int client, ulong vnode, string? name, long since)
    {
        WaitingChange? unseen = _waiting.Find(w => w.Client != client && w.ToldAt < since && w.Touches(vnode, name) && w.IsHeld && !w.IsLost && !IsExcused(w));
        return unseen is null ? null : $"S1: client {client} was told of {vnode} without {unseen.What} of client {unseen.Client}, which was done before, and waits there";
    }

    /// <summary>At the end nothing waits.</summary>
    public void JudgeLast()
    {
        JudgeAgain();
        if (_waiting.Find(w => !w.IsLost && !IsExcused(w)) is { } left)
            world.Violated($"S9: {left.What} of client {left.Client} was done, and never arrived");
    }

    private void Refused(int number, Mutation batch)
    {
        BehindClient client = _clients[number];
        if (!client.IsRefusing && !batch.LackedRoom)
        {
            // Nobody else could come between as long as it had its lease. Its word of that may be on its way, with this very reply; so it is asked when nothing of it waits.
            List<WaitingChange> waiting = _waiting.FindAll(w => w.Client == number && !w.IsLost);
            client.Unexplained = waiting.Count > 0 && waiting.TrueForAll(static w => w.IsHeld) ? waiting[0] : null;
        }
        client.IsRefusing = client.HasRefused = true;
        foreach (WaitingChange change in _waiting.Where(w => w.Client == number))
            change.MayBeRefused = true;
    }

    /// <summary>When nothing waits, all that followed a refused change is through, and what a loss of power took never comes.</summary>
    private void CloseRefusal(int number)
    {
        BehindClient client = _clients[number];
        if (!client.IsRefusing && !_waiting.Exists(w => w.Client == number && w.IsLost) || client.Life!.Mount.Host.IsDead || client.Life.WaitingChanges > 0)
            return;
        if (client.Unexplained is { IsHeld: true, Life: var life } && life == client.Life)
            world.Violated($"S9: the server refused something that client {number} did while it had its lease: {client.Unexplained.What}, or what it did after that");
        client.Unexplained = null;
        client.IsRefusing = false;
        _waiting.RemoveAll(w => w.Client == number && (w.MayBeRefused || w.IsLost));
    }

    /// <summary>It may have been refused; or it was made to a file without a name, of which nobody else ever knows.</summary>
    private bool IsExcused(WaitingChange change) => change.MayBeRefused || change.Vnode != 0 && (model.WasRemovedBy(change.Client, change.Vnode) || MayNeverHaveBeen(change.Client, change.Vnode));

    private sealed class BehindClient
    {
        public BehindLife? Life { get; set; }

        public bool IsRefusing { get; set; }

        public bool HasRefused { get; set; }

        /// <summary>The first change that waited when something was refused without a reason that is known; null: there is a reason.</summary>
        public WaitingChange? Unexplained { get; set; }

        public int PowerLosses { get; set; }
    }
}

/// <summary>An answer that was not right as the server had it when it was given.</summary>
internal sealed record WaitingAnswer(int Client, Func<string?> Judge, BehindLife Life, uint Generation);

/// <summary>One life of a client that writes behind.</summary>
internal sealed record BehindLife(SimMount Mount)
{
    /// <summary>Of its trust in what it was promised; zero: it has no lease.</summary>
    public uint Generation => Mount.Trust.LeaseRuns ? Mount.Trust.Generation : 0;

    /// <summary>It had its lease ever since.</summary>
    public bool Holds(uint generation) => generation != 0 && !Mount.Host.IsDead && Generation == generation;

    public long WaitingChanges => Mount.Manager.ReadFigures().Where(static figure => figure.Name == "behind.changes").Sum(static figure => figure.Value);
}

/// <summary>A change that was told as done and isn't at the server.</summary>
/// <param name="Began">When it was asked for.</param>
/// <param name="Vnode">What it was made to, where that may have no name; zero: it is a change of names.</param>
/// <param name="Runs">Does a mutation of the server look like it?</param>
/// <param name="Touches">Would an answer about this vnode, or this name in it, show it? Without a name: about the vnode itself.</param>
/// <param name="WhenArrived">The server did it.</param>
internal sealed record WaitingChange(
    int Client, string What, long Began, ulong Vnode, Func<Mutation, bool> Runs, Func<ulong, string?, bool> Touches, Action<WaitingChange, Mutation> WhenArrived)
{
    public long ToldAt { get; set; }

    public BehindLife? Life { get; set; }

    public uint Generation { get; set; }

    public bool MayBeRefused { get; set; }

    /// <summary>Its client's power failed: what wasn't synced may be gone.</summary>
    public bool IsLost { get; set; }

    /// <summary>Of its client, before it.</summary>
    public int PowerLosses { get; set; }

    /// <summary>Its client had its lease ever since.</summary>
    public bool IsHeld => Life!.Holds(Generation);

    public void Arrived(Mutation mutation) => WhenArrived(this, mutation);
}
