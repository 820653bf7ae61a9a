using System.Collections;
using Afs.StubGenerator.Diagnostics;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Text;

namespace Afs.StubGenerator.Model;

/// <summary>An interface of remote calls.</summary>
/// <param name="Operations">By rising number.</param>
public sealed record ServiceModel(string Namespace, string InterfaceName, bool IsPublic, EquatableArray<OperationModel> Operations)
{
    /// <summary>The interface's name without its I.</summary>
    public string Name => InterfaceName.Substring(1);

    public string Accessibility => IsPublic ? "public" : "internal";
}

/// <summary>A remote call. Types are fully qualified.</summary>
public sealed record OperationModel(string MethodName, int Number, bool IsMutation, string RequestType, string ReplyType)
{
    /// <summary>As logs and statistics show it.</summary>
    public string Name => MethodName.Substring(0, MethodName.Length - "Async".Length);
}

/// <summary>A message whose codec is written.</summary>
/// <param name="Declaration">The kind of type: class, record, struct, record struct.</param>
/// <param name="Fields">By rising key.</param>
/// <param name="ConstructorArguments">Names of fields in the constructor's order.</param>
public sealed record MessageModel(
    string Namespace,
    string Name,
    string Declaration,
    EquatableArray<FieldModel> Fields,
    EquatableArray<string> ConstructorArguments)
{
    public int KnownCount => Fields.Count == 0 ? 0 : Fields[Fields.Count - 1].Key + 1;
}

/// <summary>A property with its key.</summary>
/// <param name="IsConstructorParameter">It is given to the primary constructor; else to an initializer.</param>
public sealed record FieldModel(string Name, int Key, ValueModel Value, bool IsConstructorParameter);

/// <summary>The type of a field, an element or an identifier's content.</summary>
/// <param name="TypeName">Fully qualified, with its nullable annotation.</param>
/// <param name="ReadMethod">Numbers: the reader's method.</param>
/// <param name="IsNullableReference">A reference that may be nil.</param>
/// <param name="IsReferenceType">Messages: a class, which has no default that could stand for a missing one.</param>
/// <param name="Limit">Strings and byte arrays: bytes; lists: elements.</param>
/// <param name="Inner">The content of an identifier, a nullable value or a list.</param>
/// <param name="Enumeration">Enumerations: which numbers there are.</param>
public sealed record ValueModel(
    ValueKind Kind,
    string TypeName,
    string ReadMethod = "",
    bool IsNullableReference = false,
    bool IsReferenceType = false,
    int Limit = 0,
    ListForm Form = ListForm.Array,
    ValueModel? Inner = null,
    string ContentName = "",
    EnumerationModel? Enumeration = null);

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

/// <summary>How a list is declared.</summary>
public enum ListForm
{
    Array,
    ReadOnlyList,
    ImmutableArray,
}

/// <summary>An enumeration: a number that it doesn't have is refused.</summary>
/// <param name="Values">Distinct, rising, as C# constants.</param>
/// <param name="FlagsMask">With <c>[Flags]</c>: all bits, as a C# constant; else null.</param>
public sealed record EnumerationModel(string Name, string UnderlyingType, bool IsUnsigned, EquatableArray<string> Values, string? FlagsMask);

/// <summary>What was read from one declaration: a model, or findings that say why there is none.</summary>
public sealed record ParseResult<TModel>(TModel? Model, EquatableArray<DiagnosticModel> Diagnostics)
    where TModel : class, IEquatable<TModel>;

/// <summary>A finding, by the id of its descriptor, so that it compares by value.</summary>
public sealed record DiagnosticModel(string Id, LocationModel? Location, EquatableArray<string> Arguments)
{
    public static DiagnosticModel Of(DiagnosticDescriptor descriptor, ISymbol where, params string[] arguments) =>
        new(descriptor.Id, LocationModel.Of(where), new EquatableArray<string>(arguments));

    public Diagnostic ToDiagnostic() =>
        Diagnostic.Create(Descriptors.ById(Id), Location?.ToLocation(), [.. Arguments]);
}

/// <summary>Where something stands in the source, without holding the compilation that it was read from.</summary>
public sealed record LocationModel(string Path, TextSpan Span, LinePositionSpan Lines)
{
    public static LocationModel? Of(ISymbol symbol)
    {
        Location? location = symbol.Locations.FirstOrDefault(l => l.IsInSource);
        return location is null ? null : new LocationModel(location.SourceTree!.FilePath, location.SourceSpan, location.GetLineSpan().Span);
    }

    public Location ToLocation() => Location.Create(Path, Span, Lines);
}

/// <summary>An array that is equal to another by its elements, so that an unchanged model stops the incremental pipeline.</summary>
public readonly struct EquatableArray<T>(T[] items) : IEquatable<EquatableArray<T>>, IReadOnlyList<T>
    where T : IEquatable<T>
{
    private readonly T[]? _items = items;

    private T[] Items => _items ?? [];

    public int Count => Items.Length;

    public T this[int index] => Items[index];

    public bool Equals(EquatableArray<T> other) => Items.AsSpan().SequenceEqual(other.Items);

    public override bool Equals(object? obj) => obj is EquatableArray<T> other && Equals(other);

    public override int GetHashCode()
    {
        int hash = 17;
        foreach (T item in Items)
            hash = unchecked((hash * 31) + (item?.GetHashCode() ?? 0));
        return hash;
    }

    public IEnumerator<T> GetEnumerator() => ((IEnumerable<T>)Items).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => Items.GetEnumerator();
}
