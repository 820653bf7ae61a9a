using Afs.Rpc;

namespace Afs.Venus.Cache;

/// <summary>A value, or why there is none.</summary>
public readonly struct Result<T>
{
    private readonly T? _value;

    private Result(T? value, Failure failure) => (_value, Failure) = (value, failure);

    public Failure Failure { get; }

    public bool IsSuccess => Failure.IsNone;

    /// <summary>Reading it where there is none is a broken invariant and throws.</summary>
    public T Value => IsSuccess ? _value! : throw new InvalidOperationException($"No value: {Failure}.");

    /// <summary>As the conversion, for a type that C# converts from nothing: an interface.</summary>
    public static Result<T> Of(T value) => new(value, Failure.None);

    public static implicit operator Result<T>(T value) => new(value, Failure.None);

    public static implicit operator Result<T>(Failure failure) => new(default, failure);

    public static implicit operator Result<T>(FailureKind kind) => new(default, kind);
}

/// <summary>Why the cache manager can't do what was asked.</summary>
public enum FailureKind : byte
{
    None = 0,

    /// <summary>The server refused; <see cref="Failure.Abort"/> says why. Nothing was changed.</summary>
    Refused,

    /// <summary>No server within the time that a call may take, and what is cached can't be trusted.</summary>
    Unreachable,

    /// <summary>A mutation was sent and no reply came: it may have run.</summary>
    InDoubt,

    /// <summary>The asker no longer waits.</summary>
    Interrupted,

    /// <summary>The cache has no room: its limit is full of open and dirty files, or its disk is full.</summary>
    CacheFull,

    /// <summary>The cache's disk failed.</summary>
    CacheDiskFailed,

    /// <summary>The daemon may open no more files; see <see cref="Afs.Platform.OpenFileLimit"/>.</summary>
    TooManyOpenFiles,

    /// <summary>The file was removed while it was open here; its data is kept in the recovered folder.</summary>
    RemovedMeanwhile,

    /// <summary>Content came that doesn't match its checksum, more than once.</summary>
    ContentDamaged,

    /// <summary>What the server said can't be, or is more than any server may bring.</summary>
    ServerMisbehaved,

    /// <summary>Something that was changed here before was refused by the server, later.</summary>
    RefusedBehind,

    /// <summary>The mount is going down.</summary>
    ShuttingDown,
}

/// <summary>Why an operation failed. Only Vfs turns it into an errno.</summary>
public readonly record struct Failure(FailureKind Kind, AbortCode Abort)
{
    public static readonly Failure None = default;

    public bool IsNone => Kind == FailureKind.None;

    public static implicit operator Failure(FailureKind kind) => new(kind, AbortCode.None);

    public static implicit operator Failure(AbortCode abort) => new(FailureKind.Refused, abort);
}
