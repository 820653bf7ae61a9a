namespace Afs.Rpc;

/// <summary>A call that runs here, or the reply of one that ran. Belongs to its <see cref="IncomingCalls"/>.</summary>
internal sealed class IncomingCall
{
    public bool IsFinished { get; set; }

    public DispatchResult Result { get; set; }

    /// <summary>The encoded reply message; never changed once it is set.</summary>
    public byte[] Reply { get; set; } = [];

    /// <summary>Completed when the run ends, however it ends; made when somebody waits.</summary>
    public TaskCompletionSource? Ended { get; set; }
}
