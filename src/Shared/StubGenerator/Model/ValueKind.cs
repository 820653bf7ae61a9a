namespace Afs.StubGenerator.Model;

/// <summary>How a value travels.</summary>
public enum ValueKind
{
    Boolean,
    Unsigned,
    Signed,
    Enumeration,
    String,
    ByteArray,
    ByteMemory,

    /// <summary>Another message: an array within the array.</summary>
    Message,

    /// <summary>A record struct around one value: travels as that value.</summary>
    Identifier,

    /// <summary>A <c>Nullable&lt;T&gt;</c>: nil or its value.</summary>
    NullableValue,
    List,
}
