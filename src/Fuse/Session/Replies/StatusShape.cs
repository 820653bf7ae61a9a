namespace Afs.Fuse.Session;

/// <summary>Operations that answer nothing but an errno.</summary>
internal readonly struct StatusShape : IReplyShape<Errno>
{
    public static Errno Encode(FuseFileSystem fileSystem, RequestSlot slot, in Errno result, out int payloadBytes)
    {
        payloadBytes = 0;
        return result;
    }
}
