namespace Afs.Rpc;

/// <summary>Makes calls. The generated client stubs stand on it. Safe for concurrent use.</summary>
public interface IRpcChannel
{
    /// <summary>
    /// Sends one call and waits for its reply, an abort or the deadline; retries under the same call id over reconnects.
    /// </summary>
    /// <param name="operation">The number from <see cref="OpAttribute"/>.</param>
    ValueTask<Outcome<TReply>> CallAsync<TRequest, TReply>(int operation, bool isMutation, TRequest request, CallContext context)
        where TRequest : IWireMessage<TRequest>
        where TReply : IWireMessage<TReply>;
}
