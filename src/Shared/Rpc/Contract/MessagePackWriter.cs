namespace Afs.Rpc;

/// <summary>Writes MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md) into a growing buffer.</summary>
public ref partial struct MessagePackWriter
{
}
