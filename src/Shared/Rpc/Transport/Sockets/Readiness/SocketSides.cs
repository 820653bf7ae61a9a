namespace Afs.Rpc;

/// <summary>What a socket is ready, or waited, for.</summary>
[Flags]
internal enum SocketSides
{
    None = 0,
    Reading = 1,
    Writing = 2,
}
