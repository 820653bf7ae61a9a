using Afs.StubGenerator;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Afs.Shared.Tests.Generator;

/// <summary>An edit that changes no contract generates nothing anew, and no model holds on to a compilation.</summary>
public sealed class IncrementalityTests
{
    private const string Contract = """
        [WireMessage] public partial record M { [Key(0), Limit(3)] public string A { get; init; } = ""; }
        [RpcService] public interface IS { [Op(1)] ValueTask<Outcome<M>> AAsync(M request, CallContext context); }
        """;

    [Fact]
    public void AnUnrelatedFileChangesNothing() =>
        Assert.All(ReasonsAfter(compilation => compilation.AddSyntaxTrees(CSharpSyntaxTree.ParseText("class Other { }"))), IsCached);

    [Fact]
    public void AnUnrelatedEditInTheSameFileChangesNothing() =>
        Assert.All(ReasonsAfter(compilation => Replace(compilation, text => "// a comment\n" + text + "\nclass Other { }")), IsCached);

    [Fact]
    public void AChangedLimitChangesTheMessageAndNotTheService()
    {
        IReadOnlyList<(string Step, IncrementalStepRunReason Reason)> reasons =
            ReasonsAfter(compilation => Replace(compilation, text => text.Replace("Limit(3)", "Limit(4)")));
        Assert.All(reasons.Where(step => step.Step == WireMessageGenerator.ModelStep), step => Assert.Equal(IncrementalStepRunReason.Modified, step.Reason));
        Assert.All(reasons.Where(step => step.Step == RpcServiceGenerator.ModelStep), IsCached);
    }

    [Fact]
    public void ModelsHoldNoSymbols()
    {
        GeneratorDriverRunResult run = GeneratorRun.Driver().RunGenerators(GeneratorRun.Compile(Contract)).GetRunResult();
        foreach (GeneratorRunResult result in run.Results)
        {
            foreach (string step in Steps.Where(result.TrackedSteps.ContainsKey))
                Assert.All(result.TrackedSteps[step].SelectMany(s => s.Outputs), output => AssertHoldsNoSymbol(output.Value, depth: 0));
        }
    }

    private static readonly string[] Steps =
        [WireMessageGenerator.ParseStep, WireMessageGenerator.ModelStep, RpcServiceGenerator.ParseStep, RpcServiceGenerator.ModelStep];

    private static void IsCached((string Step, IncrementalStepRunReason Reason) step) =>
        Assert.True(step.Reason is IncrementalStepRunReason.Cached or IncrementalStepRunReason.Unchanged, $"{step.Step} was {step.Reason}");

    private static IReadOnlyList<(string Step, IncrementalStepRunReason Reason)> ReasonsAfter(Func<CSharpCompilation, CSharpCompilation> edit)
    {
        CSharpCompilation compilation = GeneratorRun.Compile(Contract);
        GeneratorDriver driver = GeneratorRun.Driver().RunGenerators(compilation).RunGenerators(edit(compilation));
        (string, IncrementalStepRunReason)[] reasons = [.. driver.GetRunResult().Results
            .SelectMany(result => result.TrackedSteps)
            .Where(step => step.Key is WireMessageGenerator.ModelStep or RpcServiceGenerator.ModelStep)
            .SelectMany(step => step.Value.SelectMany(run => run.Outputs.Select(output => (step.Key, output.Reason))))];
        Assert.Equal(2, reasons.Length);
        return reasons;
    }

    private static CSharpCompilation Replace(CSharpCompilation compilation, Func<string, string> edit)
    {
        SyntaxTree tree = compilation.SyntaxTrees[0];
        string text = tree.ToString();
        int body = text.IndexOf('\n', StringComparison.Ordinal) + 1;
        return compilation.ReplaceSyntaxTree(tree, CSharpSyntaxTree.ParseText(text[..body] + edit(text[body..]), path: tree.FilePath));
    }

    private static void AssertHoldsNoSymbol(object? value, int depth)
    {
        Assert.False(value is ISymbol or SyntaxNode or Compilation or SemanticModel or SyntaxTree, $"The model holds a {value?.GetType()}.");
        if (value is null or string || value.GetType().IsPrimitive || value.GetType().IsEnum || depth > 8)
            return;
        if (value is System.Collections.IEnumerable items)
        {
            foreach (object? item in items)
                AssertHoldsNoSymbol(item, depth + 1);
            return;
        }

        foreach (System.Reflection.FieldInfo field in value.GetType().GetFields(System.Reflection.BindingFlags.Instance | System.Reflection.BindingFlags.NonPublic | System.Reflection.BindingFlags.Public))
            AssertHoldsNoSymbol(field.GetValue(value), depth + 1);
    }
}
