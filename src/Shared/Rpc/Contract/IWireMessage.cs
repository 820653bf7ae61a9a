namespace Afs.Rpc;

/// <summary>
/// A message with its codec. The stub generator implements this for every partial type marked <see cref="WireMessageAttribute"/>.
/// </summary>
public interface IWireMessage<TSelf>
    where TSelf : IWireMessage<TSelf>
{
    static abstract void Encode(ref MessagePackWriter writer, TSelf message);

    /// <exception cref="MalformedMessageException">The bytes are malformed or past a limit. It ends the connection.</exception>
    static abstract TSelf Decode(ref MessagePackReader reader);
}
