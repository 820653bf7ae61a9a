using Afs.StubGenerator.Diagnostics;
using Afs.StubGenerator.Model;
using Microsoft.CodeAnalysis;

namespace Afs.StubGenerator.Parse;

/// <summary>Reads a property's type into the form in which it travels, or finds that it can't.</summary>
internal sealed class ValueParser(IPropertySymbol property, LimitReader limits, List<DiagnosticModel> findings)
{
    public ValueModel? Parse(ITypeSymbol type, bool isElement = false)
    {
        string name = type.ToDisplayString(KnownNames.Qualified);
        bool isNullable = type.IsReferenceType && type.NullableAnnotation == NullableAnnotation.Annotated;
        if (Number(type.SpecialType) is { } number)
            return new ValueModel(number.Kind, name, number.Read);
        if (type.SpecialType == SpecialType.System_String)
            return new ValueModel(ValueKind.String, name, IsNullableReference: isNullable, Limit: limits.Take(isElement));
        if (type is IArrayTypeSymbol { Rank: 1 } array)
            return array.ElementType.SpecialType == SpecialType.System_Byte
                ? new ValueModel(ValueKind.ByteArray, name, IsNullableReference: isNullable, Limit: limits.Take(isElement))
                : List(type, array.ElementType, ListForm.Array, isElement);
        if (type is not INamedTypeSymbol named)
            return Unsupported(type, "only named types and arrays do");
        return named.IsGenericType ? Generic(named, name, isElement) : Plain(named, name, isNullable, isElement);
    }

    private static (ValueKind Kind, string Read)? Number(SpecialType type) => type switch
    {
        SpecialType.System_Boolean => (ValueKind.Boolean, "ReadBoolean"),
        SpecialType.System_Byte => (ValueKind.Unsigned, "ReadByte"),
        SpecialType.System_UInt16 => (ValueKind.Unsigned, "ReadUInt16"),
        SpecialType.System_UInt32 => (ValueKind.Unsigned, "ReadUInt32"),
        SpecialType.System_UInt64 => (ValueKind.Unsigned, "ReadUInt64"),
        SpecialType.System_SByte => (ValueKind.Signed, "ReadSByte"),
        SpecialType.System_Int16 => (ValueKind.Signed, "ReadInt16"),
        SpecialType.System_Int32 => (ValueKind.Signed, "ReadInt32"),
        SpecialType.System_Int64 => (ValueKind.Signed, "ReadInt64"),
        _ => null,
    };

    private ValueModel? Generic(INamedTypeSymbol type, string name, bool isElement)
    {
        ITypeSymbol argument = type.TypeArguments[0];
        if (type.OriginalDefinition.SpecialType == SpecialType.System_Nullable_T)
            return Parse(argument, isElement) is { } inner ? new ValueModel(ValueKind.NullableValue, name, Inner: inner) : null;
        return type.OriginalDefinition.ToDisplayString() switch
        {
            "System.ReadOnlyMemory<T>" when argument.SpecialType == SpecialType.System_Byte =>
                new ValueModel(ValueKind.ByteMemory, name, Limit: limits.Take(isElement)),
            "System.Collections.Generic.IReadOnlyList<T>" => List(type, argument, ListForm.ReadOnlyList, isElement),
            "System.Collections.Immutable.ImmutableArray<T>" => List(type, argument, ListForm.ImmutableArray, isElement),
            _ when type.IsMessage() => Unsupported(type, "messages aren't generic"),
            _ => Unsupported(type, "of the generic types only Nullable, IReadOnlyList, ImmutableArray and ReadOnlyMemory<byte> do"),
        };
    }

    private ValueModel? List(ITypeSymbol list, ITypeSymbol element, ListForm form, bool isElement)
    {
        if (isElement)
            return Unsupported(list, "a list in a list needs a message around it");
        int limit = limits.Take(isElement: false);
        if (Parse(element, isElement: true) is not { } inner)
            return null;
        bool isNullable = list.IsReferenceType && list.NullableAnnotation == NullableAnnotation.Annotated;
        return new ValueModel(ValueKind.List, list.ToDisplayString(KnownNames.Qualified), IsNullableReference: isNullable, Limit: limit, Form: form, Inner: inner);
    }

    private ValueModel? Plain(INamedTypeSymbol type, string name, bool isNullable, bool isElement)
    {
        if (type.TypeKind == TypeKind.Enum)
            return EnumerationParser.Parse(type, name);
        if (type.IsMessage())
            return new ValueModel(ValueKind.Message, name, IsNullableReference: isNullable, IsReferenceType: type.IsReferenceType);
        if (IdentifierContent(type) is not { } content)
            return Unsupported(type, "it is neither a message nor a readonly record struct around one value");
        return Parse(content.Type, isElement) is { } inner
            ? new ValueModel(ValueKind.Identifier, name, Inner: inner, ContentName: content.Name)
            : null;
    }

    /// <summary>The one property of a readonly record struct; told by its shape, since metadata doesn't say "record" of a struct.</summary>
    private static IPropertySymbol? IdentifierContent(INamedTypeSymbol type)
    {
        if (!type.IsValueType || !type.IsReadOnly)
            return null;
        IMethodSymbol[] constructors = [.. type.InstanceConstructors.Where(c => c.DeclaredAccessibility == Accessibility.Public && c.Parameters.Length > 0)];
        if (constructors.Length != 1 || constructors[0].Parameters.Length != 1)
            return null;
        IParameterSymbol parameter = constructors[0].Parameters[0];
        return type.GetMembers(parameter.Name).OfType<IPropertySymbol>()
            .FirstOrDefault(p => SymbolEqualityComparer.Default.Equals(p.Type, parameter.Type));
    }

    private ValueModel? Unsupported(ITypeSymbol type, string why)
    {
        findings.Add(DiagnosticModel.Of(Descriptors.TypeUnsupported, property, property.ContainingType.Name, property.Name, type.ToDisplayString(), why));
        return null;
    }
}
