using Microsoft.CodeAnalysis;

namespace Afs.StubGenerator.Diagnostics;

/// <summary>Every finding of the generator. Each has a section in docs/generator.md and a test.</summary>
public static class Descriptors
{
    public static readonly DiagnosticDescriptor MessageNotPartial = Create("AFS001", "Message is not partial", "'{0}' must be partial: its codec is generated into it");
    public static readonly DiagnosticDescriptor MessageShape = Create("AFS002", "Unsupported kind of message", "'{0}' can't be a wire message: {1}");
    public static readonly DiagnosticDescriptor KeyMissing = Create("AFS003", "Key is missing", "'{0}.{1}' needs [Key(n)]: everything that a message holds travels");
    public static readonly DiagnosticDescriptor KeyDuplicate = Create("AFS004", "Key is used twice", "'{0}.{1}' has key {2}, which '{3}' has already");
    public static readonly DiagnosticDescriptor KeyRange = Create("AFS005", "Key is out of range", "'{0}.{1}' has key {2}; keys go from 0 to 255");
    public static readonly DiagnosticDescriptor TypeUnsupported = Create("AFS006", "Type cannot travel", "'{0}.{1}' has type '{2}', which has no wire form: {3}");
    public static readonly DiagnosticDescriptor LimitMissing = Create("AFS007", "Limit is missing", "'{0}.{1}' needs {2}: no length is read without a bound");
    public static readonly DiagnosticDescriptor LimitRange = Create("AFS008", "Limit is not positive", "'{0}.{1}' has a limit of {2}");
    public static readonly DiagnosticDescriptor NotSettable = Create("AFS009", "Property cannot be set", "'{0}.{1}' has a key and can't be decoded: it needs set, init or a constructor parameter of its name");
    public static readonly DiagnosticDescriptor OperationShape = Create("AFS010", "Wrong shape of a remote call", "'{0}.{1}' must be 'ValueTask<Outcome<TReply>> NameAsync(TRequest request, CallContext context)'");
    public static readonly DiagnosticDescriptor OperationMissing = Create("AFS011", "Op is missing", "'{0}.{1}' needs [Op(n)]");
    public static readonly DiagnosticDescriptor OperationDuplicate = Create("AFS012", "Op is used twice", "'{0}.{1}' has number {2}, which '{3}' has already");
    public static readonly DiagnosticDescriptor OperationRange = Create("AFS013", "Op is out of range", "'{0}.{1}' has number {2}; numbers go from 1 to 65535");
    public static readonly DiagnosticDescriptor ServiceShape = Create("AFS014", "Unsupported kind of service", "'{0}' can't be an Rpc service: {1}");
    public static readonly DiagnosticDescriptor NoConstructor = Create("AFS015", "Message cannot be constructed", "'{0}' needs a constructor without parameters, or one whose every parameter is a property with a key");
    public static readonly DiagnosticDescriptor LimitMisplaced = Create("AFS016", "Limit has no meaning", "'{0}.{1}' has a limit that bounds nothing: {2}");
    public static readonly DiagnosticDescriptor NotAMessage = Create("AFS017", "Request or reply is no message", "'{0}.{1}' uses '{2}', which is not marked [WireMessage]");

    private static readonly Dictionary<string, DiagnosticDescriptor> All = new[]
    {
        MessageNotPartial, MessageShape, KeyMissing, KeyDuplicate, KeyRange, TypeUnsupported, LimitMissing, LimitRange, NotSettable,
        OperationShape, OperationMissing, OperationDuplicate, OperationRange, ServiceShape, NoConstructor, LimitMisplaced, NotAMessage,
    }.ToDictionary(descriptor => descriptor.Id);

    public static DiagnosticDescriptor ById(string id) => All[id];

#pragma warning disable RS2008 // The release files list the ids; the analyzer can't follow the helper.
    private static DiagnosticDescriptor Create(string id, string title, string message) =>
        new(id, title, message, "Afs.Contract", DiagnosticSeverity.Error, isEnabledByDefault: true, helpLinkUri: $"docs/generator.md#{id.ToLowerInvariant()}");
#pragma warning restore RS2008
}
