namespace Afs.Shared.Tests.Generator;

/// <summary>What is generated, exactly. With AFS_UPDATE_SNAPSHOTS set, the files are written anew.</summary>
public sealed class SnapshotTests
{
    private const string Source = """
        namespace Sample;

        public readonly record struct Id(ulong Value);

        public readonly record struct Label(string Text);

        public enum Color : byte { None = 0, Red = 1, Blue = 7 }

        [Flags]
        public enum Parts { None = 0, Head = 1, Tail = 4 }

        [WireMessage]
        public readonly partial record struct Point([property: Key(0)] int X, [property: Key(1)] int Y);

        [WireMessage]
        public sealed partial record Everything
        {
            [Key(0)] public required bool Flag { get; init; }
            [Key(1)] public sbyte Small { get; init; }
            [Key(2)] public ulong Large { get; init; }
            [Key(3)] public Color Color { get; init; }
            [Key(4)] public Parts Parts { get; init; }
            [Key(5), Limit(10)] public required string Name { get; init; }
            [Key(6), Limit(20)] public byte[]? Data { get; init; }
            [Key(7), Limit(30)] public ReadOnlyMemory<byte> Memory { get; init; }
            [Key(8)] public Id Id { get; init; }
            [Key(9), Limit(40)] public Label Label { get; init; }
            [Key(10)] public Point Point { get; init; }
            [Key(11)] public Point? MaybePoint { get; init; }
            [Key(12)] public Id? MaybeId { get; init; }
            [Key(13)] public required Link Link { get; init; }
            [Key(14)] public Link? MaybeLink { get; init; }
            [Key(16), Limit(5)] public required IReadOnlyList<Link?> Links { get; init; }
            [Key(17), Limit(5, Each = 6)] public required string[] Names { get; init; }
            [Key(18), Limit(5)] public ImmutableArray<Id> Ids { get; init; }
            [Key(19), Limit(5, Each = 6)] public required IReadOnlyList<byte[]> Blobs { get; init; }

            public int Computed => 1;
        }

        [WireMessage]
        public sealed partial class Link
        {
            [Key(0)] public int Number { get; set; }
        }

        [RpcService]
        public interface ISampleService
        {
            [Op(2, Mutation = true)]
            ValueTask<Outcome<Point>> MoveAsync(Point request, CallContext context);

            [Op(1)]
            ValueTask<Outcome<Everything>> LookAsync(Point request, CallContext context);
        }
        """;

    [Fact]
    public void GeneratesWhatItGenerated()
    {
        IReadOnlyDictionary<string, string> generated = GeneratorRun.Sources(Source);
        string folder = Path.Combine(Vectors.Folder, "generator");
        if (Environment.GetEnvironmentVariable("AFS_UPDATE_SNAPSHOTS") is not null)
        {
            Directory.CreateDirectory(folder);
            foreach ((string name, string text) in generated)
                File.WriteAllText(Path.Combine(folder, name + ".txt"), text);
        }

        Assert.Equal(Directory.GetFiles(folder).Select(Path.GetFileNameWithoutExtension).Order(), generated.Keys.Order());
        foreach ((string name, string text) in generated)
            Assert.Equal(File.ReadAllText(Path.Combine(folder, name + ".txt")), text);
    }
}
