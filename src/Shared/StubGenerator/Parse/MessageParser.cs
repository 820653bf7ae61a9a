using System.Globalization;
using Afs.StubGenerator.Diagnostics;
using Afs.StubGenerator.Model;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Afs.StubGenerator.Parse;

/// <summary>Reads a type marked [WireMessage].</summary>
internal static class MessageParser
{
    private const int MaxKey = 255;

    public static ParseResult<MessageModel> Parse(INamedTypeSymbol type, TypeDeclarationSyntax syntax)
    {
        var findings = new List<DiagnosticModel>();
        if (!syntax.Modifiers.Any(modifier => modifier.Text == "partial"))
            findings.Add(DiagnosticModel.Of(Descriptors.MessageNotPartial, type, type.Name));
        if (UnsupportedShape(type) is { } why)
            findings.Add(DiagnosticModel.Of(Descriptors.MessageShape, type, type.Name, why));

        IMethodSymbol? constructor = PickConstructor(type);
        List<FieldModel> fields = Fields(type, constructor, findings);
        if (findings.Count == 0 && !CanConstruct(constructor, fields))
            findings.Add(DiagnosticModel.Of(Descriptors.NoConstructor, type, type.Name));
        if (findings.Count > 0)
            return new ParseResult<MessageModel>(null, new EquatableArray<DiagnosticModel>([.. findings]));

        var model = new MessageModel(
            type.ContainingNamespace.IsGlobalNamespace ? "" : type.ContainingNamespace.ToDisplayString(),
            type.Name,
            (type.IsRecord ? "record" : "") + (type.IsValueType ? " struct" : type.IsRecord ? "" : "class"),
            new EquatableArray<FieldModel>([.. fields.OrderBy(field => field.Key)]),
            new EquatableArray<string>([.. constructor?.Parameters.Select(parameter => parameter.Name) ?? []]));
        return new ParseResult<MessageModel>(model, default);
    }

    private static string? UnsupportedShape(INamedTypeSymbol type)
    {
        if (type.IsGenericType)
            return "it is generic";
        if (type.ContainingType is not null)
            return "it is nested in another type";
        if (type.IsAbstract || type.IsStatic)
            return "it is abstract or static";
        if (type.IsRefLikeType)
            return "it is a ref struct";
        return type is { IsReferenceType: true, BaseType.SpecialType: not SpecialType.System_Object } ? "it has a base class" : null;
    }

    /// <summary>A primary constructor, else the one without parameters (null for a struct's own).</summary>
    private static IMethodSymbol? PickConstructor(INamedTypeSymbol type)
    {
        IMethodSymbol[] constructors = [.. type.InstanceConstructors.Where(c => !IsCopyConstructor(c, type))];
        return constructors.FirstOrDefault(c => c.Parameters.Length == 0 && (!c.IsImplicitlyDeclared || type.IsReferenceType))
            ?? constructors.Where(c => c.Parameters.Length > 0).OrderByDescending(c => c.Parameters.Length).FirstOrDefault();
    }

    private static bool IsCopyConstructor(IMethodSymbol constructor, INamedTypeSymbol type) =>
        constructor.Parameters.Length == 1 && SymbolEqualityComparer.Default.Equals(constructor.Parameters[0].Type, type);

    private static bool CanConstruct(IMethodSymbol? constructor, List<FieldModel> fields) =>
        constructor is null || constructor.Parameters.All(parameter => fields.Any(field => field.IsConstructorParameter && field.Name == parameter.Name));

    private static List<FieldModel> Fields(INamedTypeSymbol type, IMethodSymbol? constructor, List<DiagnosticModel> findings)
    {
        var fields = new List<FieldModel>();
        foreach (IPropertySymbol property in type.GetMembers().OfType<IPropertySymbol>().Where(p => !p.IsStatic && !p.IsIndexer && p.ExplicitInterfaceImplementations.IsEmpty))
        {
            bool isParameter = constructor?.Parameters.Any(parameter => parameter.Name == property.Name) == true;
            if (Field(property, isParameter, findings) is not { } field)
                continue;
            if (fields.FirstOrDefault(other => other.Key == field.Key) is { } other)
                findings.Add(DiagnosticModel.Of(Descriptors.KeyDuplicate, property, type.Name, property.Name, field.Key.ToString(), other.Name));
            fields.Add(field);
        }

        return fields;
    }

    private static FieldModel? Field(IPropertySymbol property, bool isParameter, List<DiagnosticModel> findings)
    {
        bool isSettable = isParameter || property.SetMethod is not null;
        string type = property.ContainingType.Name;
        if (property.Attribute(KnownNames.Key) is not { } attribute)
        {
            // A computed property holds nothing of its own; neither does a record's EqualityContract.
            if (isSettable)
                findings.Add(DiagnosticModel.Of(Descriptors.KeyMissing, property, type, property.Name));
            return null;
        }

        int key = attribute.ConstructorArguments.FirstOrDefault().Value as int? ?? -1;
        if (key is < 0 or > MaxKey)
            findings.Add(DiagnosticModel.Of(Descriptors.KeyRange, property, type, property.Name, key.ToString()));
        if (!isSettable)
            findings.Add(DiagnosticModel.Of(Descriptors.NotSettable, property, type, property.Name));

        var limits = new LimitReader(property, findings);
        if (new ValueParser(property, limits, findings).Parse(property.Type) is not { } value)
            return null;
        limits.RequireAllTaken();
        return new FieldModel(property.Name, key, value, isParameter);
    }
}

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

/// <summary>Reads which numbers an enumeration has.</summary>
internal static class EnumerationParser
{
    public static ValueModel Parse(INamedTypeSymbol type, string name)
    {
        SpecialType underlying = type.EnumUnderlyingType!.SpecialType;
        bool isUnsigned = underlying is SpecialType.System_Byte or SpecialType.System_UInt16 or SpecialType.System_UInt32 or SpecialType.System_UInt64;
        decimal[] values = [.. type.GetMembers().OfType<IFieldSymbol>()
            .Where(field => field.HasConstantValue)
            .Select(field => Convert.ToDecimal(field.ConstantValue, CultureInfo.InvariantCulture))
            .Distinct()
            .OrderBy(value => value)];
        var model = new EnumerationModel(
            type.Name,
            type.EnumUnderlyingType.ToDisplayString(),
            isUnsigned,
            new EquatableArray<string>([.. values.Select(Constant)]),
            type.Attribute("System.FlagsAttribute") is null ? null : Mask(values));
        return new ValueModel(ValueKind.Enumeration, name, ReadMethod(underlying), Enumeration: model);
    }

    private static string Mask(decimal[] values) =>
        Constant(values.Where(value => value >= 0).Aggregate(0ul, (mask, value) => mask | (ulong)value));

    private static string Constant(decimal value) => value.ToString(CultureInfo.InvariantCulture);

    private static string ReadMethod(SpecialType underlying) => underlying switch
    {
        SpecialType.System_Byte => "ReadByte",
        SpecialType.System_UInt16 => "ReadUInt16",
        SpecialType.System_UInt32 => "ReadUInt32",
        SpecialType.System_UInt64 => "ReadUInt64",
        SpecialType.System_SByte => "ReadSByte",
        SpecialType.System_Int16 => "ReadInt16",
        SpecialType.System_Int64 => "ReadInt64",
        _ => "ReadInt32",
    };
}

/// <summary>A property's limits, handed out to the parts of its type that want one; what is left over bounds nothing.</summary>
internal sealed class LimitReader
{
    private readonly IPropertySymbol _property;
    private readonly List<DiagnosticModel> _findings;
    private int? _most;
    private int? _each;

    public LimitReader(IPropertySymbol property, List<DiagnosticModel> findings)
    {
        (_property, _findings) = (property, findings);
        if (property.Attribute(KnownNames.Limit) is not { } attribute)
            return;
        _most = attribute.ConstructorArguments.FirstOrDefault().Value as int?;
        _each = attribute.NamedArguments.FirstOrDefault(argument => argument.Key == "Each").Value.Value as int?;
        foreach (int limit in new[] { _most, _each }.OfType<int>().Where(limit => limit <= 0))
            Find(Descriptors.LimitRange, limit.ToString());
    }

    /// <summary>The limit of the field itself, or of its elements.</summary>
    public int Take(bool isElement)
    {
        int? limit = isElement ? _each : _most;
        if (limit is null)
            Find(Descriptors.LimitMissing, isElement ? "[Limit(n, Each = m)] with a bound for each element" : "[Limit(n)]");
        if (isElement)
            _each = null;
        else
            _most = null;
        return limit ?? 1;
    }

    /// <summary>To be called when the whole type was read.</summary>
    public void RequireAllTaken()
    {
        if (_most is not null)
            Find(Descriptors.LimitMisplaced, "the type has no length");
        if (_each is not null)
            Find(Descriptors.LimitMisplaced, "Each is for lists of strings or byte arrays");
    }

    private void Find(DiagnosticDescriptor descriptor, string argument) =>
        _findings.Add(DiagnosticModel.Of(descriptor, _property, _property.ContainingType.Name, _property.Name, argument));
}

/// <summary>Names of the Rpc library that the generator looks for.</summary>
internal static class KnownNames
{
    public const string WireMessage = "Afs.Rpc.WireMessageAttribute";
    public const string RpcService = "Afs.Rpc.RpcServiceAttribute";
    public const string Key = "Afs.Rpc.KeyAttribute";
    public const string Limit = "Afs.Rpc.LimitAttribute";
    public const string Op = "Afs.Rpc.OpAttribute";
    public const string CallContext = "Afs.Rpc.CallContext";
    public const string Outcome = "Afs.Rpc.Outcome<T>";
    public const string WireMessageInterface = "Afs.Rpc.IWireMessage<TSelf>";

    /// <summary>Fully qualified, with global:: and with nullable annotations: what generated code names types by.</summary>
    public static readonly SymbolDisplayFormat Qualified = SymbolDisplayFormat.FullyQualifiedFormat
        .AddMiscellaneousOptions(SymbolDisplayMiscellaneousOptions.IncludeNullableReferenceTypeModifier);

    public static AttributeData? Attribute(this ISymbol symbol, string name) =>
        symbol.GetAttributes().FirstOrDefault(attribute => attribute.AttributeClass?.ToDisplayString() == name);

    /// <summary>Marked as a message, or with a codec written by hand.</summary>
    public static bool IsMessage(this ITypeSymbol type) =>
        type.Attribute(WireMessage) is not null
        || type.AllInterfaces.Any(i => i.OriginalDefinition.ToDisplayString() == WireMessageInterface);
}
