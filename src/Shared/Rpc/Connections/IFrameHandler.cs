namespace Afs.Rpc;

/// <summary>What a <see cref="FrameLoop"/> reads for.</summary>
internal interface IFrameHandler
{
    /// <summary>Takes over the frame. Called for one at a time, in the order of arrival; doesn't wait.</summary>
    /// <exception cref="MalformedMessageException">It doesn't belong on this connection, or isn't what its type says.</exception>
    FrameHandled Handle(ReceivedFrame frame);

    /// <summary>Why the connection ended in good order.</summary>
    /// <param name="goodbye">What the peer said; null: nothing.</param>
    string DescribeEnd(string? goodbye);
}
