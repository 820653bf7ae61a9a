namespace Afs.Rpc;

/// <summary>Reads MessagePack from bytes that nobody has checked.</summary>
public ref partial struct MessagePackReader
{
}
