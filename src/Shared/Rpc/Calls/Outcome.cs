namespace Afs.Rpc;

/// <summary>What became of a call.</summary>
public enum OutcomeKind : byte
{
    /// <summary>The call surely didn't run: it was never sent, or the server refused it before running it.</summary>
    NotExecuted = 0,

    /// <summary>The server ran it and replied with a value.</summary>
    Replied = 1,

    /// <summary>The server ran it, or looked at it, and refused with an abort code. Nothing was changed.</summary>
    Aborted = 2,

    /// <summary>It was sent and no reply came before the deadline: it may or may not have run.</summary>
    Unknown = 3,
}

/// <summary>The server's refusal. The numbers belong to the service; zero is none; those from 1 to 99 are the Rpc layer's own.</summary>
public readonly record struct AbortCode(int Value)
{
    public static readonly AbortCode None = new(0);

    public override string ToString() => $"abort {Value}";
}

/// <summary>The outcome of a call: a reply, an abort, or why there is neither.</summary>
public readonly struct Outcome<T>
{
    private readonly T? _value;

    private Outcome(OutcomeKind kind, T? value, AbortCode abort) => (Kind, _value, Abort) = (kind, value, abort);

    public OutcomeKind Kind { get; }

    /// <summary>The server's refusal; <see cref="AbortCode.None"/> unless <see cref="Kind"/> is Aborted.</summary>
    public AbortCode Abort { get; }

    public bool IsReply => Kind == OutcomeKind.Replied;

    /// <summary>The reply. Reading it where there is none is a broken invariant and throws.</summary>
    public T Value => Kind == OutcomeKind.Replied ? _value! : throw new InvalidOperationException($"The call has no reply: {Kind} {Abort}.");

    public static Outcome<T> Reply(T value) => new(OutcomeKind.Replied, value, AbortCode.None);

    public static Outcome<T> Refused(AbortCode abort) => new(OutcomeKind.Aborted, default, abort);

    public static readonly Outcome<T> NotExecuted = new(OutcomeKind.NotExecuted, default, AbortCode.None);

    public static readonly Outcome<T> Unknown = new(OutcomeKind.Unknown, default, AbortCode.None);

    public static implicit operator Outcome<T>(T value) => Reply(value);

    public static implicit operator Outcome<T>(AbortCode abort) => Refused(abort);

    /// <summary>The same failure for another kind of reply.</summary>
    public Outcome<TOther> As<TOther>() => Kind switch
    {
        OutcomeKind.Aborted => Outcome<TOther>.Refused(Abort),
        OutcomeKind.NotExecuted => Outcome<TOther>.NotExecuted,
        OutcomeKind.Unknown => Outcome<TOther>.Unknown,
        _ => throw new InvalidOperationException("A reply has no failure to pass on."),
    };
}

/// <summary>The Rpc layer's own abort codes.</summary>
public static class RpcAbortCodes
{
    /// <summary>The service has no such operation: the peer is of another version of the contract.</summary>
    public static readonly AbortCode NoSuchOperation = new(1);

    /// <summary>This peer takes no calls, or no bulk transfer.</summary>
    public static readonly AbortCode NoService = new(2);
}

/// <summary>
/// What a call did can't be told to anybody: whether it is on stable storage is unknown, or this life of the server ends before it is done. The service
/// throws it. The call's connection ends without a reply, as in a crash; the caller's retry learns from the next life what became of it.
/// </summary>
public sealed class CallUnansweredException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>The service has done nothing for a call, and can't now: too much waits already. The service throws it. The caller sends the same call again a little later.</summary>
public sealed class CallPutOffException(string message) : Exception(message);
