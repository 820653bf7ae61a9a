using Afs.StubGenerator.Emit;
using Afs.StubGenerator.Model;
using Afs.StubGenerator.Parse;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Afs.StubGenerator;

/// <summary>Writes the client stub and the dispatcher of every interface marked [RpcService].</summary>
[Generator(LanguageNames.CSharp)]
public sealed class RpcServiceGenerator : IIncrementalGenerator
{
    /// <summary>Names of the tracked steps, for the tests of incrementality.</summary>
    public const string ParseStep = "RpcService.Parse";

    /// <inheritdoc cref="ParseStep"/>
    public const string ModelStep = "RpcService.Model";

    public void Initialize(IncrementalGeneratorInitializationContext context)
    {
        IncrementalValuesProvider<ParseResult<ServiceModel>> results = context.SyntaxProvider
            .ForAttributeWithMetadataName(
                KnownNames.RpcService,
                static (node, _) => node is InterfaceDeclarationSyntax,
                static (found, _) => ServiceParser.Parse((INamedTypeSymbol)found.TargetSymbol))
            .WithTrackingName(ParseStep);

        context.RegisterSourceOutput(
            results.SelectMany(static (result, _) => result.Diagnostics),
            static (output, finding) => output.ReportDiagnostic(finding.ToDiagnostic()));
        context.RegisterSourceOutput(
            results.Where(static result => result.Model is not null).Select(static (result, _) => result.Model!).WithTrackingName(ModelStep),
            static (output, service) =>
            {
                output.AddSource($"{service.Namespace}.{service.Name}Client.g.cs", ClientEmitter.Emit(service));
                output.AddSource($"{service.Namespace}.{service.Name}Dispatcher.g.cs", DispatcherEmitter.Emit(service));
            });
    }
}

/// <summary>Writes the codec of every type marked [WireMessage].</summary>
[Generator(LanguageNames.CSharp)]
public sealed class WireMessageGenerator : IIncrementalGenerator
{
    /// <summary>Names of the tracked steps, for the tests of incrementality.</summary>
    public const string ParseStep = "WireMessage.Parse";

    /// <inheritdoc cref="ParseStep"/>
    public const string ModelStep = "WireMessage.Model";

    public void Initialize(IncrementalGeneratorInitializationContext context)
    {
        IncrementalValuesProvider<ParseResult<MessageModel>> results = context.SyntaxProvider
            .ForAttributeWithMetadataName(
                KnownNames.WireMessage,
                static (node, _) => node is TypeDeclarationSyntax,
                static (found, _) => MessageParser.Parse((INamedTypeSymbol)found.TargetSymbol, (TypeDeclarationSyntax)found.TargetNode))
            .WithTrackingName(ParseStep);

        context.RegisterSourceOutput(
            results.SelectMany(static (result, _) => result.Diagnostics),
            static (output, finding) => output.ReportDiagnostic(finding.ToDiagnostic()));
        context.RegisterSourceOutput(
            results.Where(static result => result.Model is not null).Select(static (result, _) => result.Model!).WithTrackingName(ModelStep),
            static (output, message) => output.AddSource($"{message.Namespace}.{message.Name}.Codec.g.cs", MessageEmitter.Emit(message)));
    }
}
