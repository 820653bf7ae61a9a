namespace Afs.Rpc;

internal sealed partial class OutgoingCalls
{
    /// <summary>
    /// Takes a number for an upload, which travels on connections of its own but is one of the session's calls: it counts against
    /// the bounds, and its reply isn't forgotten before <see cref="EndUpload"/>. Null: no session before the deadline.
    /// </summary>
    public async ValueTask<OutgoingCall?> BeginUploadAsync(long deadline, CancellationToken cancellation)
    {
        var call = new OutgoingCall(operation: 0, isMutation: true, body: null, deadline);
        CallResult granted = await RunAsync(call, cancellation);
        return granted.Kind == OutcomeKind.Replied ? call : null;
    }

    /// <summary>False: the session in which the upload has its number is gone.</summary>
    public bool TryGetSession(OutgoingCall upload, out SessionId session, out CallSequence seenThrough)
    {
        lock (_gate)
        {
            (session, seenThrough) = (_session, new CallSequence(_lowest - 1));
            return !upload.IsDone && session != default;
        }
    }

    public void EndUpload(OutgoingCall upload)
    {
        lock (_gate)
        {
            if (upload.IsDone)
                return;
            Remove(upload);
            SendWaiting();
        }

        FlushConnection();
    }
}
