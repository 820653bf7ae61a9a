using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Afs.Platform;
using Afs.Rpc;
using Afs.Vice.Locks;
using Afs.Wire;

namespace Afs.Vice.Callbacks;

/// <summary>
/// A client as the server knows it in this life: when it was last heard, how to call it, and what it must still let go of.
/// INVARIANT: <see cref="Holder"/> changes whenever its reset count rises, so promises from before a reset are never taken for later ones. While it
/// is without promises its holder's number is nobody's: what a call that was on its way still registers is not waited for.
/// </summary>
public sealed class ClientSession : ILockSession
{
    private const long Never = long.MinValue;

    private readonly Lock _lock = new();
    private readonly TimeProvider _time;
    private IRpcChannel? _channel;
    private IVenusCallbacks? _callbacks;
    private TaskCompletionSource _wake = NewSignal();
    private Task _woken;
    private long _lastContact, _firstContact = Never, _lastShipped = Never;
    private SessionTrust _trust;
    private int _holder, _trials, _losses;
    private bool _isLapsed, _isBack, _isUnused, _hasEnded, _isWithoutPromises;
    private string _peer = "nowhere yet", _host = "";

    internal ClientSession(SessionId id, ClientId client, int holder, bool isLapsed, Punctuality punctuality, TimeProvider time)
    {
        (Id, Client, _holder, _isLapsed, Punctuality, _time) = (id, client, holder, isLapsed, punctuality, time);
        _lastContact = time.GetTimestamp();
        _woken = _wake.Task.ContinueHere();
    }

    public SessionId Id { get; }

    public ClientId Client { get; }

    /// <summary>Its place in the promise table.</summary>
    public int Holder => Volatile.Read(ref _holder);

    /// <summary>What every reply to it says.</summary>
    public SessionTrust Trust
    {
        get
        {
            lock (_lock)
                return _trust;
        }
    }

    /// <summary>It was late, and has yet to show that it is quick: it is promised nothing, and nobody waits for it.</summary>
    public bool IsWithoutPromises => Volatile.Read(ref _isWithoutPromises);

    /// <summary>How punctual it is. Its client's later sessions share it.</summary>
    internal Punctuality Punctuality { get; }

    /// <summary>How the client is shown in logs: with the address that it last came from.</summary>
    internal string Peer => Volatile.Read(ref _peer);

    /// <summary>The machine that it last came from.</summary>
    internal string Host => Volatile.Read(ref _host);

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
        internal set
        {
            Volatile.Write(ref _isBack, false);
            Volatile.Write(ref _isLapsed, value);
        }
    }

    /// <summary>
    /// It is back, which could not be recorded, so it is still <see cref="IsLapsed"/>: it is served, without promises. With its first promise it has to be recorded.
    /// </summary>
    public bool IsBackUnrecorded => IsLapsed && IsWithoutPromises && Volatile.Read(ref _isBack);

    /// <summary>See <see cref="IsBackUnrecorded"/>.</summary>
    internal void ComeBackUnrecorded()
    {
        Volatile.Write(ref _isUnused, false);
        Volatile.Write(ref _isBack, true);
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

    /// <summary>True: no trial of it runs, and the caller's does from here on.</summary>
    internal bool TryBeginTrial() => Interlocked.Exchange(ref _trials, 1) == 0;

    internal void EndTrial() => Volatile.Write(ref _trials, 0);

    public TimeSpan SinceContact => _time.GetElapsedTime(Volatile.Read(ref _lastContact));

    /// <summary>For how long it has been known to this life of the server; zero where it was never heard of.</summary>
    internal TimeSpan SinceFirstContact => Volatile.Read(ref _firstContact) is var first && first == Never ? TimeSpan.Zero : _time.GetElapsedTime(first);

    internal void Contact()
    {
        long now = _time.GetTimestamp();
        Volatile.Write(ref _lastContact, now);
        if (Volatile.Read(ref _firstContact) == Never)
            Volatile.Write(ref _firstContact, now);
    }

    /// <summary>Since it last sent something of what it did under write tokens, or returned one.</summary>
    internal TimeSpan SinceShipped => Volatile.Read(ref _lastShipped) is var last && last == Never ? TimeSpan.MaxValue : _time.GetElapsedTime(last);

    TimeSpan ILockSession.SinceShipped => SinceShipped;

    string ILockSession.Name => $"{Client} at {Peer}";

    internal void Shipped() => Volatile.Write(ref _lastShipped, _time.GetTimestamp());

    /// <summary>True: nobody takes its tokens from it yet, and the caller does from here on.</summary>
    internal bool TryBeginLosingTokens() => Interlocked.Exchange(ref _losses, 1) == 0;

    internal void EndLosingTokens() => Volatile.Write(ref _losses, 0);

    internal void Attach(IRpcChannel channel, IVenusCallbacks callbacks)
    {
        lock (_lock)
            (_channel, _callbacks, _peer, _host) = (channel, callbacks, channel.Peer, channel.Host);
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
    internal int Reset(int newHolder, bool isWithoutPromises)
    {
        lock (_lock)
        {
            int old = _holder;
            Volatile.Write(ref _holder, newHolder);
            Volatile.Write(ref _isWithoutPromises, isWithoutPromises);
            _trust = new SessionTrust(_trust.ResetCount + 1, isWithoutPromises);
            return old;
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}

/// <summary>The sessions of this server's clients, by id and by client. Safe for concurrent use.</summary>
public sealed class SessionTable
{
    private readonly ConcurrentDictionary<SessionId, ClientSession> _sessions = new();
    private readonly Lock _lock = new();
    private readonly Dictionary<ClientId, List<ClientSession>> _byClient = [];

    public int Count => _sessions.Count;

    public bool TryGet(SessionId id, [MaybeNullWhen(false)] out ClientSession session) => _sessions.TryGetValue(id, out session);

    /// <summary>In the order of ids.</summary>
    public IReadOnlyList<ClientSession> All() => [.. _sessions.Values.OrderBy(session => session.Id.Value)];

    /// <summary>Those of one client: the one that it uses, and others that it may never hear of.</summary>
    internal IReadOnlyList<ClientSession> Of(ClientId client)
    {
        lock (_lock)
            return _byClient.TryGetValue(client, out List<ClientSession>? sessions) ? [.. sessions] : [];
    }

    internal void Add(ClientSession session)
    {
        lock (_lock)
        {
            if (!_sessions.TryAdd(session.Id, session))
                throw new InvalidOperationException($"Session {session.Id.Value} is there already.");
            if (!_byClient.TryGetValue(session.Client, out List<ClientSession>? sessions))
                _byClient.Add(session.Client, sessions = []);
            sessions.Add(session);
        }
    }

    internal void Remove(ClientSession session)
    {
        lock (_lock)
        {
            if (!_sessions.TryRemove(session.Id, out _))
                return;
            List<ClientSession> sessions = _byClient[session.Client];
            sessions.Remove(session);
            if (sessions.Count == 0)
                _byClient.Remove(session.Client);
        }
    }

    /// <summary>
    /// INVARIANT: both indexes have the same sessions, none that has ended; of one client at most one may trust what it was promised, and one
    /// that no call came for never does.
    /// </summary>
    internal void CheckInvariants()
    {
        lock (_lock)
        {
            Require(_byClient.Values.Sum(static sessions => sessions.Count) == _sessions.Count, "the indexes differ in number");
            foreach ((ClientId client, List<ClientSession> sessions) in _byClient)
            {
                Require(sessions.Count > 0, "a client without sessions");
                Require(sessions.TrueForAll(s => s.Client == client && _sessions.ContainsKey(s.Id)), "a session is indexed by another client");
                Require(sessions.TrueForAll(static s => !s.HasEnded && !(s.IsUnused && !s.IsLapsed)), "an ended session, or one that is trusted and unused");
                Require(sessions.Count(static s => !s.IsLapsed) <= 1, "two sessions of one client that may trust");
            }
        }
    }

    private static void Require(bool holds, string what)
    {
        if (!holds)
            throw new InvalidOperationException($"Session table: {what}.");
    }
}
