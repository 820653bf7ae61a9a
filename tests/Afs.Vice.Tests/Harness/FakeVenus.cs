using Afs.Rpc;
using Afs.Wire;

namespace Afs.Vice.Tests.Harness;

/// <summary>A client's side of breaks: what it was told, and how it answers.</summary>
public sealed class FakeVenus : IVenusCallbacks, IRpcChannel
{
    private readonly Lock _lock = new();
    private readonly List<BreakPromisesRequest> _calls = [];
    private readonly List<LocksDecidedRequest> _decided = [];

    /// <summary>What each break waits for before it is acknowledged.</summary>
    public Task Acknowledge { get; set; } = Task.CompletedTask;

    /// <summary>Breaks fail as on a connection that dies.</summary>
    public bool IsBroken { get; set; }

    /// <summary>What sending a break throws; null: nothing.</summary>
    public Exception? Failure { get; set; }

    public IReadOnlyList<BreakPromisesRequest> Calls
    {
        get
        {
            lock (_lock)
                return [.. _calls];
        }
    }

    public IReadOnlyList<Fid> BrokenFids => [.. Calls.SelectMany(call => call.Breaks).Select(b => b.Fid)];

    public IReadOnlyList<Fid> RecalledFids => [.. Calls.SelectMany(call => call.Recalls)];

    public IReadOnlyList<LockRecall> RecalledLocks => [.. Calls.SelectMany(call => call.LockRecalls)];

    /// <summary>What became of its requests for locks, call by call.</summary>
    public IReadOnlyList<LocksDecidedRequest> Decided
    {
        get
        {
            lock (_lock)
                return [.. _decided];
        }
    }

    public void Clear()
    {
        lock (_lock)
        {
            _calls.Clear();
            _decided.Clear();
        }
    }

    public async ValueTask<Outcome<BreakPromisesReply>> BreakPromisesAsync(BreakPromisesRequest request, CallContext context)
    {
        if (Failure is { } failure)
            throw failure;
        if (IsBroken)
            return Outcome<BreakPromisesReply>.Unknown;
        lock (_lock)
            _calls.Add(request);
        Task cancelled = Task.Delay(Timeout.Infinite, context.Cancellation);
        if (await Task.WhenAny(Acknowledge, cancelled) == cancelled)
            return Outcome<BreakPromisesReply>.Unknown;
        return new BreakPromisesReply();
    }

    public async ValueTask<Outcome<LocksDecidedReply>> LocksDecidedAsync(LocksDecidedRequest request, CallContext context)
    {
        if (Failure is { } failure)
            throw failure;
        if (IsBroken)
            return Outcome<LocksDecidedReply>.Unknown;
        lock (_lock)
            _decided.Add(request);
        Task cancelled = Task.Delay(Timeout.Infinite, context.Cancellation);
        if (await Task.WhenAny(Acknowledge, cancelled) == cancelled)
            return Outcome<LocksDecidedReply>.Unknown;
        return new LocksDecidedReply();
    }

    public ValueTask<Outcome<TReply>> CallAsync<TRequest, TReply>(int operation, bool isMutation, TRequest request, CallContext context)
        where TRequest : IWireMessage<TRequest>
        where TReply : IWireMessage<TReply> => throw new InvalidOperationException("Tests call through IVenusCallbacks.");
}
