using Afs.Rpc;

namespace Afs.Shared.Tests.Rpc;

/// <summary>One life of the service over a <see cref="DurableStore"/>.</summary>
public sealed class CounterService(DurableStore store, TimeProvider time) : ICounterService
{
    public static readonly AbortCode Refusal = new(500);

    private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _held;

    /// <summary>How long a mutation takes, after and before its commit.</summary>
    public TimeSpan Pause { get; init; }

    /// <summary>What is made waits until the test lets it go.</summary>
    public bool MakesWait { get; set; }

    public int Held => Volatile.Read(ref _held);

    public int Refused { get; private set; }

    public CallContext LastContext { get; private set; }

    public void Release() => _released.TrySetResult();

    public async ValueTask<Outcome<NumberMessage>> IncrementAsync(NumberMessage request, CallContext context)
    {
        LastContext = context;
        if (Pause > TimeSpan.Zero)
            await Task.Delay(Pause, time, CancellationToken.None);
        NumberMessage reply = store.Execute(context, request.Value);
        if (Pause > TimeSpan.Zero)
            await Task.Delay(Pause, time, CancellationToken.None);
        return reply;
    }

    public ValueTask<Outcome<NumberMessage>> ReadAsync(NumberMessage request, CallContext context) => new(request);

    public async ValueTask<Outcome<NumberMessage>> HoldAsync(NumberMessage request, CallContext context)
    {
        Interlocked.Increment(ref _held);
        await _released.Task;
        return store.Execute(context, request.Value);
    }

    public async ValueTask<Outcome<BytesMessage>> MakeAsync(NumberMessage request, CallContext context)
    {
        if (MakesWait)
        {
            Interlocked.Increment(ref _held);
            await _released.Task;
        }
        return new BytesMessage { Bytes = new byte[request.Value] };
    }

    public ValueTask<Outcome<BytesMessage>> EchoAsync(BytesMessage request, CallContext context) => new(request);

    public ValueTask<Outcome<NumberMessage>> RefuseAsync(NumberMessage request, CallContext context)
    {
        Refused++;
        return new(Refusal);
    }

    public ValueTask<Outcome<NumberMessage>> ThrowAsync(NumberMessage request, CallContext context) => throw new InvalidDataException("on purpose");
}
