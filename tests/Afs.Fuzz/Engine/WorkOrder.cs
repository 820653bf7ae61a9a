using System.Globalization;

namespace Afs.Fuzz;

/// <summary>What a process is to do with a target.</summary>
internal enum WorkKind
{
    /// <summary>Runs what is known, then explores.</summary>
    Explore,

    /// <summary>Runs one input, and says what came of it.</summary>
    Replay,

    /// <summary>Replaces the corpus of the tree by the smallest that reaches as much as all that is known.</summary>
    Minimise,
}

/// <summary>What a process of its own is told, which works on one target: on its command line, for it may not come to its end.</summary>
/// <param name="Seconds">At most so long, and at most so many executions.</param>
/// <param name="Found">The folder of found inputs; empty: what is found is forgotten, and only the tree's corpus is known.</param>
/// <param name="Findings">The folder for inputs that break something.</param>
/// <param name="Kept">The corpus of the tree.</param>
/// <param name="Record">Where it writes down the input that it works on.</param>
/// <param name="Input">Of a replay: the file.</param>
internal sealed record WorkOrder(
    WorkKind Kind, string Target, double Seconds, long Executions, int Seed, string Found, string Findings, string Kept, string Record, string Input = "")
{
    private const string Mark = "--worker";
    private const int Words = 11;

    public string[] ToArguments() =>
    [
        Mark, Kind.ToString(), Target, Seconds.ToString(CultureInfo.InvariantCulture), Executions.ToString(CultureInfo.InvariantCulture),
        Seed.ToString(CultureInfo.InvariantCulture), Found, Findings, Kept, Record, Input,
    ];

    /// <summary>Null: it is none, but the command of a person.</summary>
    public static WorkOrder? TryParse(string[] arguments) => arguments is [Mark, ..] && arguments.Length == Words
        ? new WorkOrder(
            Enum.Parse<WorkKind>(arguments[1]), arguments[2], double.Parse(arguments[3], CultureInfo.InvariantCulture), long.Parse(arguments[4], CultureInfo.InvariantCulture),
            int.Parse(arguments[5], CultureInfo.InvariantCulture), arguments[6], arguments[7], arguments[8], arguments[9], arguments[10])
        : null;
}
