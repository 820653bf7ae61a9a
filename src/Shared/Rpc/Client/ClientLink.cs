namespace Afs.Rpc;

/// <summary>
/// Keeps the client connected: connects, establishes or resumes the session, and when the connection ends, tries again after a back-off
/// with jitter, for ever.
/// </summary>
internal sealed class ClientLink(RpcClientOptions options, OutgoingCalls calls, Random random)
{
    private readonly CancellationTokenSource _stopping = new();
    private readonly Lock _gate = new();
    private TaskCompletionSource _connected = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private RpcConnection? _connection;
    private ClientConnection? _serving;
    private SessionId _session;
    private string? _lastReason;
    private Task _running = Task.CompletedTask;

    /// <summary>The session of this moment; default where there is none.</summary>
    public SessionId Session
    {
        get
        {
            lock (_gate)
                return _session;
        }
    }

    public CancellationToken Stopping => _stopping.Token;

    /// <summary>Ends when there is a connection.</summary>
    /// <exception cref="RpcRefusedException">The server refuses this client for good.</exception>
    public async Task WhenConnectedAsync()
    {
        Task connected;
        lock (_gate)
            connected = _connected.Task;
        await connected;
    }

    /// <summary>The session, as soon as there is a connection; null: there was none until <paramref name="cancellation"/>, or the server refuses.</summary>
    public async ValueTask<SessionId?> WhenSession(CancellationToken cancellation)
    {
        try
        {
            await WhenConnectedAsync().WaitAsync(cancellation);
            return Session;
        }
        catch (Exception e) when (e is OperationCanceledException or RpcRefusedException)
        {
            return null;
        }
    }

    public void Start() => _running = RunAsync();

    public async Task StopAsync()
    {
        _stopping.Cancel();
        if (Volatile.Read(ref _connection) is { } connection)
            await connection.GoodbyeAsync("the client stops");
        await _running;
    }

    /// <summary>Throws where what the server's calls left here is inconsistent.</summary>
    public void CheckInvariants() => Volatile.Read(ref _serving)?.CheckInvariants();

    /// <summary>Ends the connection of this moment; another is made.</summary>
    public void Drop(string reason) => Volatile.Read(ref _connection)?.Break(reason);

    private async Task RunAsync()
    {
        int attempt = 0;
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                if (await ConnectOnceAsync())
                    attempt = 0;
                await Task.Delay(options.Timings.Reconnect.Delay(attempt++, random), options.Time, _stopping.Token);
            }
            catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
            {
                return;
            }
        }
    }

    /// <summary>One connection from beginning to end. True: it was established.</summary>
    private async Task<bool> ConnectOnceAsync()
    {
        bool wasEstablished = false;
        string reason;
        IFrameConnection? transport = null;
        RpcConnection? connection = null;
        try
        {
            transport = await OpenAsync();
            connection = new RpcConnection(transport, options.Time, options.Timings, options.Limits.QueuedSendBytes, options.Statistics);
            Volatile.Write(ref _connection, connection);
            _stopping.Token.ThrowIfCancellationRequested();
            var hello = new HelloFrame(ProtocolVersion.Current, ConnectionRole.Control, options.ClientId, Session);
            WelcomeFrame welcome = await Handshake.RunAsync(connection, transport, hello, options);
            wasEstablished = true;
            Establish(welcome);
            var serving = new ClientConnection(connection, welcome.Session, calls, options);
            Volatile.Write(ref _serving, serving);
            reason = await serving.RunAsync();
        }
        catch (RpcRefusedException e)
        {
            Refused(e);
            reason = e.Message;
        }
        catch (Exception e) when (e is IOException or MalformedMessageException or OperationCanceledException)
        {
            reason = connection?.EndReason ?? e.Message;
        }
        catch (Exception e)
        {
            // A callback of the owner failed, or an invariant is broken. The next connection starts from a clean state.
            options.Log.ConnectionFailed(options.Server.ToString(), e);
            reason = e.Message;
        }

        await EndAsync(transport, connection, reason, wasEstablished);
        return wasEstablished;
    }

    private async Task<IFrameConnection> OpenAsync()
    {
        using var limit = new CancellationTokenSource(options.Timings.Handshake, options.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, _stopping.Token);
        try
        {
            return await options.Transport.ConnectAsync(options.Server, either.Token);
        }
        catch (OperationCanceledException) when (!_stopping.IsCancellationRequested)
        {
            throw new IOException($"no connection to {options.Server} within {options.Timings.Handshake.TotalSeconds} s");
        }
    }

    private void Establish(WelcomeFrame welcome)
    {
        lock (_gate)
        {
            _session = welcome.Session;
            if (_connected.Task.IsFaulted)
                _connected = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _connected.TrySetResult();
        }

        _lastReason = null;
        options.Statistics.CountConnection();
        options.Log.Connected(options.Server, welcome.Session.Value);
        options.Session.Established(welcome.Session, welcome.IsNew, welcome.Epoch, TimeSpan.FromMilliseconds(welcome.LeaseMs), welcome.ResetCount);
    }

    private void Refused(RpcRefusedException refusal)
    {
        if (refusal.Reason == RefusalReason.SessionUnknown)
        {
            lock (_gate)
            {
                _session = default;
                ExpectConnection();
            }

            calls.LoseSession();
        }
        else if (refusal.Reason == RefusalReason.Version)
        {
            lock (_gate)
                _connected.TrySetException(refusal);
        }
    }

    private async Task EndAsync(IFrameConnection? transport, RpcConnection? connection, string reason, bool wasEstablished)
    {
        Volatile.Write(ref _connection, null);
        if (connection is not null)
        {
            connection.Break(reason);
            calls.Detach(connection);
        }

        if (transport is not null)
            await transport.DisposeAsync();
        lock (_gate)
            ExpectConnection();
        if (_stopping.IsCancellationRequested)
            return;
        if (reason != _lastReason)
            options.Log.NotConnected(options.Server, reason);
        _lastReason = reason;
        if (wasEstablished)
            options.Session.Disconnected(reason);
    }

    private void ExpectConnection()
    {
        if (_connected.Task.IsCompletedSuccessfully)
            _connected = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
