using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Afs.Rpc;

/// <summary>
/// One client installation: random, made once, kept in the client's cache directory. It survives restarts and address changes. People see its first
/// 32 bits, enough to tell clients apart; the whole is for the wire and the disk alone.
/// </summary>
public readonly record struct ClientId(ulong High, ulong Low)
{
    public override string ToString() => $"{High >> 32:x8}";
}

/// <summary>One session between a client and a server: given by the server, never reused by it, also not after its restart.</summary>
public readonly record struct SessionId(ulong Value)
{
    public override string ToString() => Value.ToString();
}

/// <summary>The number of a call in its session, from 1, rising by one.</summary>
public readonly record struct CallSequence(ulong Value)
{
    public override string ToString() => Value.ToString();
}

/// <summary>Names one call for ever: retries and duplicates carry the same.</summary>
public readonly record struct CallId(ClientId Client, SessionId Session, CallSequence Sequence);

/// <summary>One life of a server: raised and stored at each start, and in every reply.</summary>
public readonly record struct Epoch(ulong Value)
{
    public override string ToString() => Value.ToString();
}

/// <summary>
/// The proof that a session is one's own: 256 bits, given in the Welcome of a new session and shown in each later Hello of it. Who only knows the client's id and the session's number
/// can't take it over. Its text says nothing.
/// </summary>
public readonly struct SessionToken(UInt128 high, UInt128 low)
{
    internal const int Bytes = 32;

    public override string ToString() => "(secret)";

    internal static SessionToken From(ReadOnlySpan<byte> bytes) => new(BinaryPrimitives.ReadUInt128BigEndian(bytes), BinaryPrimitives.ReadUInt128BigEndian(bytes[16..]));

    internal void CopyTo(Span<byte> bytes)
    {
        BinaryPrimitives.WriteUInt128BigEndian(bytes, high);
        BinaryPrimitives.WriteUInt128BigEndian(bytes[16..], low);
    }
}

/// <summary>
/// Makes and checks tokens. A token is the keyed hash of what it is for, so that nothing has to be stored with a session, and nothing that is stored with one gives it away: HMAC-SHA256
/// (RFC 2104) by a key that the server alone has.
/// </summary>
internal sealed class SessionTokens(ReadOnlyMemory<byte> key)
{
    public SessionToken Of(string scope, SessionId session, ClientId client)
    {
        Span<byte> token = stackalloc byte[SessionToken.Bytes];
        Compute(scope, session, client, token);
        return SessionToken.From(token);
    }

    /// <summary>In a time that doesn't tell how much of it is right.</summary>
    public bool AreOf(SessionToken shown, string scope, SessionId session, ClientId client)
    {
        Span<byte> right = stackalloc byte[SessionToken.Bytes], given = stackalloc byte[SessionToken.Bytes];
        Compute(scope, session, client, right);
        shown.CopyTo(given);
        return CryptographicOperations.FixedTimeEquals(right, given);
    }

    private void Compute(string scope, SessionId session, ClientId client, Span<byte> token)
    {
        const int Fixed = 8 + 16;
        Span<byte> what = stackalloc byte[Fixed + FrameLimits.ScopeBytes];
        what = what[..(Fixed + System.Text.Encoding.UTF8.GetBytes(scope, what[Fixed..]))];
        BinaryPrimitives.WriteUInt64BigEndian(what, session.Value);
        BinaryPrimitives.WriteUInt64BigEndian(what[8..], client.High);
        BinaryPrimitives.WriteUInt64BigEndian(what[16..], client.Low);
        HMACSHA256.HashData(key.Span, what, token);
    }
}

/// <summary>
/// What a session's client may trust, as its server says in every reply.
/// <code>
/// | reset count (64) | flags (8): bit 0, without promises |
/// </code>
/// </summary>
/// <param name="ResetCount">
/// How often this session's promises were dropped as a whole. A client that sees it rise treats all it holds from this server as suspect.
/// It rises with each change of the other field too, so that it tells the older of two replies.
/// </param>
/// <param name="IsWithoutPromises">Nothing in this reply, or in any with the same count, comes with a promise.</param>
public readonly record struct SessionTrust(ulong ResetCount, bool IsWithoutPromises = false)
{
    internal const int Bytes = 8 + 1;

    internal static SessionTrust Read(ref FieldReader fields)
    {
        ulong resetCount = fields.UInt64();
        byte flags = fields.Byte();
        return flags <= 1 ? new SessionTrust(resetCount, flags == 1) : throw new MalformedMessageException($"Malformed frame: flags of trust {flags}.");
    }

    internal void Write(ref FieldWriter fields)
    {
        fields.UInt64(ResetCount);
        fields.Byte(IsWithoutPromises ? (byte)1 : (byte)0);
    }
}

/// <summary>What the client's owner learns of its session. Called on the connection's threads; must not wait.</summary>
public interface IClientSession
{
    /// <summary>
    /// A reply came. <paramref name="sentTimestamp"/> is the boot-time clock (<c>TimeProvider.GetTimestamp</c>) from before its request was
    /// first sent: the lease counts from there, for nobody can tell which transmission was answered. Where the network reorders, a reply may
    /// carry an older epoch or a lower reset count than an earlier one.
    /// Called before the reply is given to the caller, in the order of arrival with the server's calls. Bulk exchanges aren't reported.
    /// </summary>
    void Replied(Epoch epoch, SessionTrust trust, long sentTimestamp);

    /// <summary>A session was established: a new one, or the same one over another connection.</summary>
    void Established(SessionId session, bool isNewSession, Epoch epoch, TimeSpan lease, SessionTrust trust);

    /// <summary>The connection is gone; calls wait and retry until their deadlines.</summary>
    void Disconnected(string reason);
}
