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
