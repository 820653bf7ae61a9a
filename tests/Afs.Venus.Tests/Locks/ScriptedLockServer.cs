using System.Reflection;
using Afs.Fuse;
using Afs.Rpc;
using Afs.Venus.Cache;
using Afs.Venus.Servers;
using Afs.Venus.Vfs;
using Afs.Wire;
using Microsoft.Extensions.Logging.Abstractions;

namespace Afs.Venus.Tests;

/// <summary>A server of locks that answers when, and what, a test says; and the client's side of locks over it.</summary>
internal sealed class ScriptedLockServer : IDisposable
{
    public static readonly Fid File = new(new VolumeId(1), new VnodeNumber(7), new Uniquifier(1));
    public static readonly LockFence Fence = new(40);

    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly List<Call> _calls = [];

    public ScriptedLockServer()
    {
        var vice = (LockCallsProxy)(object)DispatchProxy.Create<IViceService, LockCallsProxy>();
        vice.Server = this;
        Locks = new CellLocks(
            new ViceCalls((IViceService)(object)vice, null!, new CallTimes()), Fences, StoreAsync, () => ValueTask.CompletedTask, TimeProvider.System, TimeSpan.FromSeconds(20), NullLogger.Instance, _stopping.Token);
        Table = new LockTable(new LockRecords(null), _ => BringCurrent());
        Locks.Attach(Table);
    }

    public LockFences Fences { get; } = new();

    public CellLocks Locks { get; }

    public LockTable Table { get; }

    /// <summary>What a grant waits for.</summary>
    public Func<ValueTask<Failure>> BringCurrent { get; set; } = () => new(Failure.None);

    /// <summary>In the order of their coming: the calls by their requests' types, and "store".</summary>
    public List<string> Story { get; } = [];

    /// <summary>The next call that isn't answered yet.</summary>
    public async Task<TRequest> ComesAsync<TRequest>()
        where TRequest : class
    {
        Call? found = null;
        Assert.True(await Eventually.IsAsync(() => (found = Find()) is not null), $"No call came; {string.Join(", ", Story)}.");
        return Assert.IsType<TRequest>(found!.Request);
    }

    public bool IsCalled => Find() is not null;

    /// <summary>Answers the first call that isn't answered yet.</summary>
    public void Answer(object reply)
    {
        lock (_lock)
        {
            Call call = _calls.First(static call => !call.Reply.Task.IsCompleted);
            call.Reply.SetResult(reply);
        }
    }

    public async Task AnswerNextAsync<TRequest>(object reply)
        where TRequest : class
    {
        await ComesAsync<TRequest>();
        Answer(reply);
    }

    public LockWaiter Asks(ulong owner, FileLockKind kind = FileLockKind.Write, ulong handle = 1, bool waits = true, ulong start = 0, ulong end = 9)
    {
        var asked = new LockWaiter(File, new FileHandle(handle), new FileLock(owner, start, end, kind, 1, IsFlock: false), isSilent: false, waits, _ => BringCurrent());
        asked.BeginWaiting();
        return asked;
    }

    public Task<Result<LockVerdict>> AskAsync(LockWaiter asked) => Locks.AskAsync(asked, OperationContext.OfClient(default)).AsTask();

    public static SetLockReply Granted(ulong token = 0, LockFence? fence = null) => new() { Verdict = LockVerdict.Granted, Token = new LockTokenNumber(token), Fence = fence ?? Fence };

    public static SetLockReply Said(LockVerdict verdict) => new() { Verdict = verdict, Fence = Fence };

    public void Decide(LockNumber number, LockVerdict verdict) =>
        Locks.Decided(new LocksDecidedRequest { Decisions = [new LockDecision { Fid = File, Number = number, Verdict = verdict, Fence = Fence }] });

    /// <summary>Gets a lock of the server, by the first call that comes.</summary>
    public async Task GetAsync(LockWaiter asked, ulong token)
    {
        Task<Result<LockVerdict>> asking = AskAsync(asked);
        await AnswerNextAsync<SetLockRequest>(Granted(token));
        Assert.Equal(LockVerdict.Granted, (await asking).Value);
    }

    public void Dispose()
    {
        _stopping.Cancel();
        _stopping.Dispose();
    }

    private Call? Find()
    {
        lock (_lock)
            return _calls.FirstOrDefault(static call => !call.Reply.Task.IsCompleted);
    }

    private ValueTask<Failure> StoreAsync(Fid fid, OperationContext operation)
    {
        lock (_lock)
            Story.Add("store");
        return new(Failure.None);
    }

    private async ValueTask<Outcome<TReply>> CallAsync<TReply>(object request, CallContext context)
    {
        var call = new Call(request);
        lock (_lock)
        {
            _calls.Add(call);
            Story.Add(request.GetType().Name);
        }
        using CancellationTokenRegistration cancelled = context.Cancellation.Register(() => call.Reply.TrySetCanceled());
        try
        {
            return Outcome<TReply>.Reply((TReply)await call.Reply.Task);
        }
        catch (OperationCanceledException)
        {
            return Outcome<TReply>.NotExecuted;
        }
    }

    private sealed record Call(object Request)
    {
        public TaskCompletionSource<object> Reply { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    /// <summary>Stands for the server in the calls about locks; others don't come.</summary>
    internal class LockCallsProxy : DispatchProxy
    {
        public ScriptedLockServer Server { get; set; } = null!;

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) => targetMethod!.Name switch
        {
            nameof(IViceService.SetLockAsync) => Server.CallAsync<SetLockReply>(args![0]!, (CallContext)args[1]!),
            nameof(IViceService.WithdrawLockAsync) => Server.CallAsync<WithdrawLockReply>(args![0]!, (CallContext)args[1]!),
            nameof(IViceService.ReturnLocksAsync) => Server.CallAsync<ReturnLocksReply>(args![0]!, (CallContext)args[1]!),
            nameof(IViceService.ReclaimLocksAsync) => Server.CallAsync<ReclaimLocksReply>(args![0]!, (CallContext)args[1]!),
            _ => throw new NotSupportedException(targetMethod.Name),
        };
    }
}
