using Afs.StubGenerator.Diagnostics;
using Afs.StubGenerator.Model;
using Microsoft.CodeAnalysis;

namespace Afs.StubGenerator.Parse;

/// <summary>Reads an interface marked [RpcService].</summary>
internal static class ServiceParser
{
    private const int MaxOperation = ushort.MaxValue;

    public static ParseResult<ServiceModel> Parse(INamedTypeSymbol type)
    {
        var findings = new List<DiagnosticModel>();
        if (UnsupportedShape(type) is { } why)
            findings.Add(DiagnosticModel.Of(Descriptors.ServiceShape, type, type.Name, why));

        var operations = new List<OperationModel>();
        foreach (ISymbol member in type.GetMembers().Where(member => member is not IMethodSymbol { MethodKind: not MethodKind.Ordinary }))
        {
            if (Operation(type, member, findings) is not { } operation)
                continue;
            if (operations.FirstOrDefault(other => other.Number == operation.Number) is { } other)
                findings.Add(DiagnosticModel.Of(Descriptors.OperationDuplicate, member, type.Name, member.Name, operation.Number.ToString(), other.MethodName));
            operations.Add(operation);
        }

        if (findings.Count > 0)
            return new ParseResult<ServiceModel>(null, new EquatableArray<DiagnosticModel>([.. findings]));
        var model = new ServiceModel(
            type.ContainingNamespace.IsGlobalNamespace ? "" : type.ContainingNamespace.ToDisplayString(),
            type.Name,
            type.DeclaredAccessibility == Accessibility.Public,
            new EquatableArray<OperationModel>([.. operations.OrderBy(operation => operation.Number)]));
        return new ParseResult<ServiceModel>(model, default);
    }

    private static string? UnsupportedShape(INamedTypeSymbol type)
    {
        if (type.IsGenericType)
            return "it is generic";
        if (type.ContainingType is not null)
            return "it is nested in another type";
        if (!type.AllInterfaces.IsEmpty)
            return "it inherits another interface";
        return type.Name.Length < 2 || type.Name[0] != 'I' ? "its name doesn't begin with I" : null;
    }

    private static OperationModel? Operation(INamedTypeSymbol service, ISymbol member, List<DiagnosticModel> findings)
    {
        if (member is not IMethodSymbol method || ReplyType(method) is not { } reply || !HasCallShape(method))
        {
            findings.Add(DiagnosticModel.Of(Descriptors.OperationShape, member, service.Name, member.Name));
            return null;
        }

        if (method.Attribute(KnownNames.Op) is not { } attribute)
        {
            findings.Add(DiagnosticModel.Of(Descriptors.OperationMissing, method, service.Name, method.Name));
            return null;
        }

        int number = attribute.ConstructorArguments.FirstOrDefault().Value as int? ?? 0;
        if (number is < 1 or > MaxOperation)
            findings.Add(DiagnosticModel.Of(Descriptors.OperationRange, method, service.Name, method.Name, number.ToString()));
        ITypeSymbol request = method.Parameters[0].Type;
        foreach (ITypeSymbol message in new[] { request, reply }.Where(message => !message.IsMessage()))
            findings.Add(DiagnosticModel.Of(Descriptors.NotAMessage, method, service.Name, method.Name, message.ToDisplayString()));

        bool isMutation = attribute.NamedArguments.FirstOrDefault(argument => argument.Key == "Mutation").Value.Value is true;
        return new OperationModel(method.Name, number, isMutation, request.ToDisplayString(KnownNames.Qualified), reply.ToDisplayString(KnownNames.Qualified));
    }

    private static bool HasCallShape(IMethodSymbol method) =>
        !method.IsGenericMethod
        && !method.IsStatic
        && method.Name.EndsWith("Async", StringComparison.Ordinal)
        && method.Name.Length > "Async".Length
        && method.Parameters.Length == 2
        && method.Parameters.All(parameter => parameter.RefKind == RefKind.None)
        && method.Parameters[1].Type.ToDisplayString() == KnownNames.CallContext;

    /// <summary>The T of ValueTask&lt;Outcome&lt;T&gt;&gt;.</summary>
    private static ITypeSymbol? ReplyType(IMethodSymbol method) =>
        method.ReturnType is INamedTypeSymbol { Name: "ValueTask", TypeArguments.Length: 1 } task
        && task.TypeArguments[0] is INamedTypeSymbol outcome
        && outcome.OriginalDefinition.ToDisplayString() == KnownNames.Outcome
            ? outcome.TypeArguments[0]
            : null;
}
