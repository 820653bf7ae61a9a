using System.Reflection;
using Afs.StubGenerator.Diagnostics;
using Microsoft.CodeAnalysis;

namespace Afs.Shared.Tests.Generator;

/// <summary>Each finding, by a source that has just it. docs/generator.md explains them.</summary>
public sealed class DiagnosticTests
{
    private const string Good = "[WireMessage] public partial record M { [Key(0)] public int A { get; init; } }\n";

    public static TheoryData<string, string> Wrong => new()
    {
        { "AFS001", "[WireMessage] public record M { [Key(0)] public int A { get; init; } }" },
        { "AFS002", "[WireMessage] public partial record M<T> { [Key(0)] public int A { get; init; } }" },
        { "AFS002", "public partial class Outer { [WireMessage] public partial record M { [Key(0)] public int A { get; init; } } }" },
        { "AFS002", "[WireMessage] public abstract partial record M { [Key(0)] public int A { get; init; } }" },
        { "AFS002", "[WireMessage] public ref partial struct M { [Key(0)] public int A { get; init; } }" },
        { "AFS002", "public class B { } [WireMessage] public partial class M : B { [Key(0)] public int A { get; init; } }" },
        { "AFS003", "[WireMessage] public partial record M { public int A { get; init; } }" },
        { "AFS003", "[WireMessage] public readonly partial record struct M(int A);" },
        { "AFS004", "[WireMessage] public partial record M { [Key(0)] public int A { get; init; } [Key(0)] public int B { get; init; } }" },
        { "AFS005", "[WireMessage] public partial record M { [Key(-1)] public int A { get; init; } }" },
        { "AFS005", "[WireMessage] public partial record M { [Key(256)] public int A { get; init; } }" },
        { "AFS006", "[WireMessage] public partial record M { [Key(0)] public double A { get; init; } }" },
        { "AFS006", "[WireMessage] public partial record M { [Key(0)] public object? A { get; init; } }" },
        { "AFS006", "[WireMessage] public partial record M { [Key(0)] public DateTime A { get; init; } }" },
        { "AFS006", "[WireMessage] public partial record M { [Key(0)] public Dictionary<int, int>? A { get; init; } }" },
        { "AFS006", "[WireMessage] public partial record M { [Key(0), Limit(5)] public int[][]? A { get; init; } }" },
        { "AFS006", "public record struct Two(int A, int B); [WireMessage] public partial record M { [Key(0)] public Two A { get; init; } }" },
        { "AFS007", "[WireMessage] public partial record M { [Key(0)] public string A { get; init; } = \"\"; }" },
        { "AFS007", "[WireMessage] public partial record M { [Key(0)] public byte[]? A { get; init; } }" },
        { "AFS007", "[WireMessage] public partial record M { [Key(0)] public ReadOnlyMemory<byte> A { get; init; } }" },
        { "AFS007", "[WireMessage] public partial record M { [Key(0)] public IReadOnlyList<int>? A { get; init; } }" },
        { "AFS007", "[WireMessage] public partial record M { [Key(0), Limit(5)] public IReadOnlyList<string>? A { get; init; } }" },
        { "AFS008", "[WireMessage] public partial record M { [Key(0), Limit(0)] public string A { get; init; } = \"\"; }" },
        { "AFS008", "[WireMessage] public partial record M { [Key(0), Limit(5, Each = -1)] public IReadOnlyList<string>? A { get; init; } }" },
        { "AFS009", "[WireMessage] public partial record M { [Key(0)] public int A => 1; }" },
        { "AFS010", Good + "[RpcService] public interface IS { [Op(1)] Task<Outcome<M>> AAsync(M request, CallContext context); }" },
        { "AFS010", Good + "[RpcService] public interface IS { [Op(1)] ValueTask<M> AAsync(M request, CallContext context); }" },
        { "AFS010", Good + "[RpcService] public interface IS { [Op(1)] ValueTask<Outcome<M>> A(M request, CallContext context); }" },
        { "AFS010", Good + "[RpcService] public interface IS { [Op(1)] ValueTask<Outcome<M>> AAsync(M request); }" },
        { "AFS010", Good + "[RpcService] public interface IS { [Op(1)] ValueTask<Outcome<M>> AAsync<T>(M request, CallContext context); }" },
        { "AFS010", Good + "[RpcService] public interface IS { int A { get; } }" },
        { "AFS011", Good + "[RpcService] public interface IS { ValueTask<Outcome<M>> AAsync(M request, CallContext context); }" },
        { "AFS012", Good + "[RpcService] public interface IS { [Op(1)] ValueTask<Outcome<M>> AAsync(M request, CallContext context); [Op(1)] ValueTask<Outcome<M>> BAsync(M request, CallContext context); }" },
        { "AFS013", Good + "[RpcService] public interface IS { [Op(0)] ValueTask<Outcome<M>> AAsync(M request, CallContext context); }" },
        { "AFS013", Good + "[RpcService] public interface IS { [Op(65536)] ValueTask<Outcome<M>> AAsync(M request, CallContext context); }" },
        { "AFS014", Good + "[RpcService] public interface Service { [Op(1)] ValueTask<Outcome<M>> AAsync(M request, CallContext context); }" },
        { "AFS014", Good + "[RpcService] public interface IS<T> { [Op(1)] ValueTask<Outcome<M>> AAsync(M request, CallContext context); }" },
        { "AFS014", Good + "[RpcService] public interface IS : IDisposable { [Op(1)] ValueTask<Outcome<M>> AAsync(M request, CallContext context); }" },
        { "AFS015", "[WireMessage] public partial class M { public M(int other) { } [Key(0)] public int A { get; init; } }" },
        { "AFS016", "[WireMessage] public partial record M { [Key(0), Limit(5)] public int A { get; init; } }" },
        { "AFS016", "[WireMessage] public partial record M { [Key(0), Limit(5, Each = 5)] public string A { get; init; } = \"\"; }" },
        { "AFS017", "public record N; " + Good + "[RpcService] public interface IS { [Op(1)] ValueTask<Outcome<M>> AAsync(N request, CallContext context); }" },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public void IsFound(string id, string source) => Assert.Equal([id], GeneratorRun.Findings(source));

    [Fact]
    public void NothingIsFoundInGoodSource() =>
        Assert.Empty(GeneratorRun.Findings(Good + "[RpcService] public interface IS { [Op(1)] ValueTask<Outcome<M>> AAsync(M request, CallContext context); }"));

    [Fact]
    public void EachHasATestAPageAndARelease()
    {
        string[] ids = [.. typeof(Descriptors).GetFields(BindingFlags.Public | BindingFlags.Static).Select(field => ((DiagnosticDescriptor)field.GetValue(null)!).Id).Order()];
        Assert.Equal(ids, Wrong.Select(row => row.Data.Item1).Distinct().Order());
        string root = Vectors.Root;
        string page = File.ReadAllText(Path.Combine(root, "docs", "generator.md"));
        string releases = File.ReadAllText(Path.Combine(root, "src", "Shared", "StubGenerator", "AnalyzerReleases.Unshipped.md"));
        Assert.All(ids, id => Assert.Contains($"## {id}", page));
        Assert.All(ids, id => Assert.Contains($"{id} | ", releases));
    }
}
