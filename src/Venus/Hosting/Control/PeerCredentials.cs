using System.Buffers.Binary;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Afs.Venus.Cache;

namespace Afs.Venus.Hosting;

/// <summary>Who is at the other end of a Unix socket, by the kernel: SO_PEERCRED and SO_PEERGROUPS of unix(7), as of when they connected.</summary>
internal static partial class PeerCredentials
{
    private const int SolSocket = 1, PeerCredential = 17, PeerGroups = 59;
    private const int CredentialBytes = 12, IdBytes = 4;

    /// <summary>NGROUPS_MAX of Linux.</summary>
    private const int MostGroups = 65_536;

    /// <exception cref="SocketException">The kernel doesn't say.</exception>
    public static Requester Read(Socket socket)
    {
        // struct ucred: pid, uid, gid.
        Span<byte> credential = stackalloc byte[CredentialBytes];
        if (socket.GetRawSocketOption(SolSocket, PeerCredential, credential) != CredentialBytes)
            throw new SocketException((int)SocketError.ProtocolOption);
        uint uid = BinaryPrimitives.ReadUInt32LittleEndian(credential[IdBytes..]);
        uint gid = BinaryPrimitives.ReadUInt32LittleEndian(credential[(2 * IdBytes)..]);
        bool isOwner = uid == 0 || uid == GetEffectiveUid();
        return new Requester(uid, gid, isOwner ? [] : ReadGroups(socket), isOwner);
    }

    private static List<uint> ReadGroups(Socket socket)
    {
        byte[] groups = new byte[MostGroups * IdBytes];
        int length = socket.GetRawSocketOption(SolSocket, PeerGroups, groups);
        return [.. MemoryMarshal.Cast<byte, uint>(groups.AsSpan(0, length)).ToArray()];
    }

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint GetEffectiveUid();
}
