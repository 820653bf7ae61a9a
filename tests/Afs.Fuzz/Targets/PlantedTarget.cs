using Afs.Fuzz.Planted;

namespace Afs.Fuzz;

/// <summary>A parser whose error must be found.</summary>
internal sealed class PlantedTarget(PlantedError error) : Target
{
    private readonly PlantedErrors _parser = new(error);

    public override string Name => $"planted-{error.ToString().ToLowerInvariant()}";

    public override string About => "a planted error, which must be found";

    /// <summary>It ends with the finding, some ten times earlier.</summary>
    public override long ShortExecutions => 5_000_000;

    public override IEnumerable<byte[]> Seeds() => [new byte[16]];

    public override bool Run(ReadOnlySpan<byte> input) => _parser.TryParse(input);
}
