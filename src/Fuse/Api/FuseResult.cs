namespace Afs.Fuse;

/// <summary>The outcome of an operation: a value, or an errno. Zero (<see cref="Errno.None"/>) is success.</summary>
public readonly struct FuseResult<T>
{
    private FuseResult(T value, Errno error) => (Value, Error) = (value, error);

    /// <summary>The value; meaningful only where <see cref="Error"/> is <see cref="Errno.None"/>.</summary>
    public T Value { get; }

    public Errno Error { get; }

    public bool IsSuccess => Error == Errno.None;

    public static implicit operator FuseResult<T>(T value) => new(value, Errno.None);

    /// <summary>A refusal. An operation never refuses with <see cref="Errno.None"/>.</summary>
    public static implicit operator FuseResult<T>(Errno error) =>
        error == Errno.None ? throw new ArgumentException("Errno.None is not a refusal.", nameof(error)) : new(default!, error);
}
