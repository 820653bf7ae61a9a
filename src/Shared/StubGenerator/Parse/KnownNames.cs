using Microsoft.CodeAnalysis;

namespace Afs.StubGenerator.Parse;

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
