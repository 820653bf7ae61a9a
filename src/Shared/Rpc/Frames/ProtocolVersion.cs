namespace Afs.Rpc;

/// <summary>The version that both sides must have. It rises when a frame's layout or the meaning of a field changes.</summary>
public static class ProtocolVersion
{
    public const ushort Current = 1;
}
