namespace Afs.Rpc;

/// <summary>What a connection is for.</summary>
public enum ConnectionRole : byte
{
    /// <summary>Calls in both directions. One per session.</summary>
    Control = 1,

    /// <summary>Content, one exchange at a time. Some per session.</summary>
    Bulk = 2,
}

/// <summary>
/// A connection's first frame, from the client. The first two fields stay where they are in every version, so that each side can name the other's.
/// <code>
/// | magic "AFSR" (32) | version (16) | role (8) | client (128) | session, or 0 for a new one (64) | its token (256) | length of the scope's name (8) | that name, UTF-8 |
/// </code>
/// </summary>
/// <param name="Scope">Which of the server's services, each with sessions of its own: <see cref="RpcScope"/>.</param>
internal readonly record struct HelloFrame(ushort Version, ConnectionRole Role, ClientId Client, SessionId Session, string Scope, SessionToken Token = default) : IFrame
{
    private const uint Magic = 0x41465352;

    public static FrameType Type => FrameType.Hello;

    public int FixedBytes => 4 + 2 + 1 + 16 + 8 + SessionToken.Bytes + 1 + System.Text.Encoding.UTF8.GetByteCount(Scope);

    /// <summary>Where the version is another, only it is read.</summary>
    public static HelloFrame Read(ReadOnlySpan<byte> content)
    {
        var fields = new FieldReader(Type, content);
        if (fields.UInt32() != Magic)
            throw new MalformedMessageException("Malformed Hello frame: the peer speaks another protocol.");
        ushort version = fields.UInt16();
        if (version != ProtocolVersion.Current)
            return new HelloFrame(version, default, default, default, "");
        var role = (ConnectionRole)fields.Byte();
        if (role is not (ConnectionRole.Control or ConnectionRole.Bulk))
            throw new MalformedMessageException($"Malformed Hello frame: there is no role {(byte)role}.");
        var (client, session, token) = (new ClientId(fields.UInt64(), fields.UInt64()), new SessionId(fields.UInt64()), fields.Token());
        var hello = new HelloFrame(version, role, client, session, fields.Scope(), token);
        fields.RequireEnd();
        return hello;
    }

    public void Write(ref FieldWriter fields)
    {
        fields.UInt32(Magic);
        fields.UInt16(Version);
        fields.Byte((byte)Role);
        fields.UInt64(Client.High);
        fields.UInt64(Client.Low);
        fields.UInt64(Session.Value);
        fields.Token(Token);
        fields.Scope(Scope);
    }
}

/// <summary>
/// The server's answer to a Hello that it accepts.
/// <code>
/// | session (64) | its token (256) | is new (8) | epoch (64) | lease in ms (32) | trust (72) |
/// </code>
/// </summary>
internal readonly record struct WelcomeFrame(SessionId Session, SessionToken Token, bool IsNew, Epoch Epoch, uint LeaseMs, SessionTrust Trust) : IFrame
{
    public static FrameType Type => FrameType.Welcome;

    public int FixedBytes => 8 + SessionToken.Bytes + 1 + 8 + 4 + SessionTrust.Bytes;

    public static WelcomeFrame Read(ReadOnlySpan<byte> content)
    {
        var fields = new FieldReader(Type, content);
        var welcome = new WelcomeFrame(
            new SessionId(fields.UInt64()), fields.Token(), fields.Byte() != 0, new Epoch(fields.UInt64()), fields.UInt32(), SessionTrust.Read(ref fields));
        fields.RequireEnd();
        return welcome;
    }

    public void Write(ref FieldWriter fields)
    {
        fields.UInt64(Session.Value);
        fields.Token(Token);
        fields.Byte(IsNew ? (byte)1 : (byte)0);
        fields.UInt64(Epoch.Value);
        fields.UInt32(LeaseMs);
        Trust.Write(ref fields);
    }
}

/// <summary>
/// The server's answer to a Hello that it doesn't accept. Its layout is the same in every version. The connection ends after it.
/// <code>
/// | reason (8) | server's version (16) | text, UTF-8, to the end |
/// </code>
/// </summary>
internal readonly record struct RefusalFrame(RefusalReason Reason, ushort ServerVersion) : IFrame
{
    public static FrameType Type => FrameType.Refusal;

    public int FixedBytes => 1 + 2;

    public static RefusalFrame Read(ReadOnlySpan<byte> content, out string text)
    {
        var fields = new FieldReader(Type, content);
        var refusal = new RefusalFrame((RefusalReason)fields.Byte(), fields.UInt16());
        text = fields.Text();
        return refusal;
    }

    public void Write(ref FieldWriter fields)
    {
        fields.Byte((byte)Reason);
        fields.UInt16(ServerVersion);
    }
}

/// <summary>Why a server refuses a connection.</summary>
public enum RefusalReason : byte
{
    /// <summary>Client and server have different protocol versions.</summary>
    Version = 1,

    /// <summary>The session ended, or never was. The client must establish another.</summary>
    SessionUnknown = 2,

    /// <summary>The server has as many connections as it takes, or is stopping. Try again later.</summary>
    Busy = 3,

    /// <summary>The server has no scope of that name.</summary>
    ScopeUnknown = 4,
}

/// <summary>
/// A call. The same in both directions; the session is the client's in both, each direction counts its calls by itself.
/// <code>
/// | session (64) | sequence (64) | replies seen through (64) | operation (16) | flags (8) | deadline in ms (32) | caller (32) | request message, to the end |
/// </code>
/// Flags: bit 0, the call was sent before.
/// </summary>
internal readonly record struct RequestFrame(
    SessionId Session, CallSequence Sequence, CallSequence SeenThrough, ushort Operation, bool IsRetry, uint DeadlineMs, CallerNumber Caller = default) : IFrame
{
    public const int Bytes = 8 + 8 + 8 + 2 + 1 + 4 + 4;
    private const byte RetryFlag = 1;

    public static FrameType Type => FrameType.Request;

    public int FixedBytes => Bytes;

    /// <summary>The request message follows the first <see cref="Bytes"/> bytes of the content.</summary>
    public static RequestFrame Read(ReadOnlySpan<byte> content)
    {
        var fields = new FieldReader(Type, content);
        var request = new RequestFrame(
            new SessionId(fields.UInt64()),
            new CallSequence(fields.UInt64()),
            new CallSequence(fields.UInt64()),
            fields.UInt16(),
            (fields.Byte() & RetryFlag) != 0,
            fields.UInt32(),
            new CallerNumber(fields.UInt32()));
        CallWindow.Check(request.Sequence, request.SeenThrough);
        return request;
    }

    public void Write(ref FieldWriter fields)
    {
        fields.UInt64(Session.Value);
        fields.UInt64(Sequence.Value);
        fields.UInt64(SeenThrough.Value);
        fields.UInt16(Operation);
        fields.Byte(IsRetry ? RetryFlag : (byte)0);
        fields.UInt32(DeadlineMs);
        fields.UInt32(Caller.Value);
    }
}

/// <summary>How far a direction's newest call may be ahead of the oldest one whose reply wasn't seen. It bounds the reply cache.</summary>
internal static class CallWindow
{
    public const ulong MaxCalls = 4096;

    /// <exception cref="MalformedMessageException">No correct peer has such a pair of numbers.</exception>
    public static void Check(CallSequence sequence, CallSequence seenThrough)
    {
        if (sequence.Value <= seenThrough.Value || sequence.Value - seenThrough.Value > MaxCalls)
            throw new MalformedMessageException($"Malformed call: number {sequence.Value}, with replies seen through {seenThrough.Value}.");
    }
}

/// <summary>
/// The reply to a call, or the end of a bulk exchange. Epoch and trust are zero in a client's replies.
/// <code>
/// | sequence (64) | status (8) | abort code (32) | epoch (64) | trust (72) | reply message, to the end |
/// </code>
/// </summary>
internal readonly record struct ReplyFrame(
    CallSequence Sequence, ReplyStatus Status, AbortCode Abort, Epoch Epoch, SessionTrust Trust) : IFrame
{
    public const int Bytes = 8 + 1 + 4 + 8 + SessionTrust.Bytes;

    public static FrameType Type => FrameType.Reply;

    public int FixedBytes => Bytes;

    /// <summary>The reply message follows the first <see cref="Bytes"/> bytes of the content.</summary>
    public static ReplyFrame Read(ReadOnlySpan<byte> content)
    {
        var fields = new FieldReader(Type, content);
        var reply = new ReplyFrame(
            new CallSequence(fields.UInt64()),
            (ReplyStatus)fields.Byte(),
            new AbortCode((int)fields.UInt32()),
            new Epoch(fields.UInt64()),
            SessionTrust.Read(ref fields));
        if (reply.Status > ReplyStatus.SessionUnknown)
            throw new MalformedMessageException($"Malformed Reply frame: there is no status {(byte)reply.Status}.");
        return reply;
    }

    public void Write(ref FieldWriter fields)
    {
        fields.UInt64(Sequence.Value);
        fields.Byte((byte)Status);
        fields.UInt32((uint)Abort.Value);
        fields.UInt64(Epoch.Value);
        Trust.Write(ref fields);
    }
}

/// <summary>What a reply says. The first four are the outcomes of <see cref="OutcomeKind"/>.</summary>
internal enum ReplyStatus : byte
{
    NotExecuted = 0,
    Replied = 1,
    Aborted = 2,
    Unknown = 3,

    /// <summary>Not executed: the server has too many calls of this session, or is stopping. The same call may be sent again later.</summary>
    Busy = 4,

    /// <summary>Not executed: the session ended.</summary>
    SessionUnknown = 5,
}

/// <summary>
/// Asks for a sign of life on a quiet connection, and lets the server forget replies meanwhile. It extends no lease.
/// What it says was seen is a call that came in this session while the server had it in memory: more ends the connection.
/// <code>
/// | replies seen through (64) |
/// </code>
/// </summary>
internal readonly record struct PingFrame(CallSequence SeenThrough) : IFrame
{
    public static FrameType Type => FrameType.Ping;

    public int FixedBytes => 8;

    public static PingFrame Read(ReadOnlySpan<byte> content)
    {
        var fields = new FieldReader(Type, content);
        var ping = new PingFrame(new CallSequence(fields.UInt64()));
        fields.RequireEnd();
        return ping;
    }

    public void Write(ref FieldWriter fields) => fields.UInt64(SeenThrough.Value);
}

/// <summary>The sign of life that a Ping asks for. It has no content.</summary>
internal readonly record struct PongFrame : IFrame
{
    public static FrameType Type => FrameType.Pong;

    public int FixedBytes => 0;

    public static PongFrame Read(ReadOnlySpan<byte> content)
    {
        new FieldReader(Type, content).RequireEnd();
        return default;
    }

    public void Write(ref FieldWriter fields)
    {
    }
}

/// <summary>
/// The last frame of a connection that ends on purpose.
/// <code>
/// | why, UTF-8, to the end |
/// </code>
/// </summary>
internal readonly record struct GoodbyeFrame : IFrame
{
    public static FrameType Type => FrameType.Goodbye;

    public int FixedBytes => 0;

    public static string Read(ReadOnlySpan<byte> content) => new FieldReader(Type, content).Text();

    public void Write(ref FieldWriter fields)
    {
    }
}
