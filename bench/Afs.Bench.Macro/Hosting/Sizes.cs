namespace Afs.Bench.Macro.Hosting;

/// <summary>How much work each workload does. The quick set keeps the shape and shrinks the amounts; its ratios are coarser.</summary>
public sealed record Sizes
{
    public const int SmallFileBytes = 4096;

    public required int SmallFiles { get; init; }
    public required int Names { get; init; }
    public required int CreatesAlone { get; init; }
    public required int CreatesTogether { get; init; }
    public required long OpenFileBytes { get; init; }
    public required int RandomOperations { get; init; }
    public required long FirstReadBytes { get; init; }
    public required long OneByteFileBytes { get; init; }
    public required long DatabaseBytes { get; init; }
    public required int Commits { get; init; }
    public required int PassesToAndFro { get; init; }
    public required long OstepMediumBytes { get; init; }
    public required long OstepLargeBytes { get; init; }
    public required int TreeFiles { get; init; }
    public required IReadOnlyList<int> ClientCounts { get; init; }
    public required int PromisesPerClient { get; init; }

    public static Sizes Full { get; } = new()
    {
        SmallFiles = 10_000,
        Names = 5_000,
        CreatesAlone = 500,
        CreatesTogether = 6_400,
        OpenFileBytes = 1L << 30,
        RandomOperations = 100_000,
        FirstReadBytes = 1L << 30,
        OneByteFileBytes = 512L << 20,
        DatabaseBytes = 100L << 20,
        Commits = 10,
        PassesToAndFro = 200,
        OstepMediumBytes = 1L << 20,
        OstepLargeBytes = 256L << 20,
        TreeFiles = 120,
        ClientCounts = [1, 100, 1_000, 10_000],
        PromisesPerClient = 100,
    };

    public static Sizes Brief { get; } = new()
    {
        SmallFiles = 1_000,
        Names = 500,
        CreatesAlone = 100,
        CreatesTogether = 640,
        OpenFileBytes = 64L << 20,
        RandomOperations = 20_000,
        FirstReadBytes = 64L << 20,
        OneByteFileBytes = 64L << 20,
        DatabaseBytes = 16L << 20,
        Commits = 5,
        PassesToAndFro = 50,
        OstepMediumBytes = 1L << 20,
        OstepLargeBytes = 32L << 20,
        TreeFiles = 30,
        ClientCounts = [1, 1_000],
        PromisesPerClient = 100,
    };
}
