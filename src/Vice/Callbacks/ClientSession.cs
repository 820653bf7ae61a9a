using Afs.Platform;
using Afs.Rpc;
using Afs.Wire;

namespace Afs.Vice.Callbacks;

/// <summary>
/// A client as the server knows it in this life: when it was last heard, how to call it, and what it must still let go of.
/// INVARIANT: <see cref="Holder"/> changes whenever <see cref="ResetCount"/> rises, so promises from before a reset are never taken
/// for later ones.
/// </summary>
public sealed class ClientSession
{
    private readonly Lock _lock = new();
    private readonly TimeProvider _time;
    private IRpcChannel? _channel;
    private IVenusCallbacks? _callbacks;
    private TaskCompletionSource _wake = NewSignal();
    private Task _woken;
    private long _lastContact;
    private long _resetCount;
    private int _holder;
    private bool _isLapsed, _isUnused, _hasEnded;

    internal ClientSession(SessionId id, ClientId client, int holder, bool isLapsed, TimeProvider time)
    {
        (Id, Client, _holder, _isLapsed, _time) = (id, client, holder, isLapsed, time);
        _lastContact = time.GetTimestamp();
        _woken = _wake.Task.ContinueHere();
    }

    public SessionId Id { get; }

    public ClientId Client { get; }

    /// <summary>Its place in the promise table.</summary>
    public int Holder => Volatile.Read(ref _holder);

    public ulong ResetCount => (ulong)Volatile.Read(ref _resetCount);

    public bool IsConnected
    {
        get
        {
            lock (_lock)
                return _channel is not null;
        }
    }

    /// <summary>
    /// Its lease has ended and it holds nothing. It must be made durable that it is back before it is promised anything, for a
    /// restarted server waits only for clients that are not lapsed.
    /// </summary>
    public bool IsLapsed
    {
        get => Volatile.Read(ref _isLapsed);
        internal set => Volatile.Write(ref _isLapsed, value);
    }

    /// <summary>No call came for it yet: whoever asked for it may have gone before it was made.</summary>
    public bool IsUnused
    {
        get => Volatile.Read(ref _isUnused);
        internal set => Volatile.Write(ref _isUnused, value);
    }

    /// <summary>The session is gone for good.</summary>
    public bool HasEnded
    {
        get => Volatile.Read(ref _hasEnded);
        internal set => Volatile.Write(ref _hasEnded, value);
    }

    internal BreakQueue Breaks { get; } = new();

    public TimeSpan SinceContact => _time.GetElapsedTime(Volatile.Read(ref _lastContact));

    internal void Contact() => Volatile.Write(ref _lastContact, _time.GetTimestamp());

    internal void Attach(IRpcChannel channel, IVenusCallbacks callbacks)
    {
        lock (_lock)
            (_channel, _callbacks) = (channel, callbacks);
        Contact();
        Wake();
    }

    /// <summary>Something changed that a delivery waits for.</summary>
    internal void Wake()
    {
        TaskCompletionSource signal;
        lock (_lock)
        {
            signal = _wake;
            _wake = NewSignal();
            _woken = _wake.Task.ContinueHere();
        }
        signal.SetResult();
    }

    internal void Detach(IRpcChannel channel)
    {
        lock (_lock)
        {
            // A new connection may have come before the old one was seen to go.
            if (ReferenceEquals(_channel, channel))
                (_channel, _callbacks) = (null, null);
        }
    }

    /// <summary>How to call the client, null where it isn't connected, and what ends when that changes.</summary>
    internal (IVenusCallbacks? Callbacks, Task Woken) Connection()
    {
        lock (_lock)
            return (_callbacks, _woken);
    }

    /// <summary>All its promises are void: the count goes into every reply from now on. The value is where they are in the table.</summary>
    internal int Reset(int newHolder)
    {
        lock (_lock)
        {
            int old = _holder;
            Volatile.Write(ref _holder, newHolder);
            Volatile.Write(ref _resetCount, _resetCount + 1);
            return old;
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
