using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>What a name in a server's reply must be, before it reaches a kernel.</summary>
internal static class NameRules
{
    public static bool IsName(ReadOnlySpan<byte> name) =>
        name.Length is > 0 and <= Limits.NameBytes && !name.ContainsAny((byte)'/', (byte)0) && !name.SequenceEqual("."u8) && !name.SequenceEqual(".."u8);

    public static bool AreValid(FetchDirectoryReply reply, Fid directory)
    {
        if (reply.Status.Fid != directory || reply.Status.Type != FileType.Directory)
            return false;
        foreach (DirectoryEntry entry in reply.Entries)
        {
            if (!IsName(entry.Name) || entry.Status is { } status && status.Fid != entry.Fid)
                return false;
        }
        foreach (DirectoryChange change in reply.Changes)
        {
            if (!IsName(change.Name))
                return false;
        }
        return true;
    }
}
