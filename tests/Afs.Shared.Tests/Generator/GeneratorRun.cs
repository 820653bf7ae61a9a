using Afs.StubGenerator;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Afs.Shared.Tests.Generator;

/// <summary>Runs both generators over some source, with the Rpc library and the framework as references.</summary>
internal static class GeneratorRun
{
    private const string Usings = "using System; using System.Collections.Generic; using System.Collections.Immutable; using System.Threading.Tasks; using Afs.Rpc;\n";

    private static readonly MetadataReference[] References =
        [.. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
            .Where(path => !Path.GetFileName(path).StartsWith("Afs.Wire", StringComparison.Ordinal))
            .Select(path => MetadataReference.CreateFromFile(path))];

    public static CSharpCompilation Compile(params string[] sources) => CSharpCompilation.Create(
        "Generated",
        sources.Select((source, i) => CSharpSyntaxTree.ParseText(Usings + source, path: $"source{i}.cs")),
        References,
        new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary, nullableContextOptions: NullableContextOptions.Enable));

    public static CSharpGeneratorDriver Driver() => CSharpGeneratorDriver.Create(
        [new WireMessageGenerator().AsSourceGenerator(), new RpcServiceGenerator().AsSourceGenerator()],
        driverOptions: new GeneratorDriverOptions(IncrementalGeneratorOutputKind.None, trackIncrementalGeneratorSteps: true));

    /// <summary>The ids of what the generators found; the source must otherwise be without errors but those that missing output causes.</summary>
    public static string[] Findings(string source) =>
        [.. Driver().RunGenerators(Compile(source)).GetRunResult().Diagnostics.Select(finding => finding.Id).Order()];

    /// <summary>What was generated, by file name; the whole must compile without a warning.</summary>
    public static IReadOnlyDictionary<string, string> Sources(string source)
    {
        CSharpCompilation compilation = Compile(source);
        GeneratorDriver driver = Driver().RunGeneratorsAndUpdateCompilation(compilation, out Compilation output, out _);
        Assert.Empty(output.GetDiagnostics().Where(d => d.Severity >= DiagnosticSeverity.Warning));
        return driver.GetRunResult().Results.SelectMany(result => result.GeneratedSources)
            .ToDictionary(generated => generated.HintName, generated => generated.SourceText.ToString());
    }
}
