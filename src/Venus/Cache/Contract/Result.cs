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
