namespace Afs.Rpc;

/// <summary>One client installation: random, made once, kept in the client's cache directory. It survives restarts and address changes.</summary>
public readonly record struct ClientId(ulong High, ulong Low)
{
    public override string ToString() => $"{High:x16}{Low:x16}";
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
