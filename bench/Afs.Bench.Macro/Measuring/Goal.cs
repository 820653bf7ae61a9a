namespace Afs.Bench.Macro.Measuring;

/// <summary>The limit that a figure shall not pass: of its ratio to the control, or of the value itself.</summary>
public sealed record Goal
{
    private Goal(double limit, bool isRatio, bool isLeast)
    {
        Limit = limit;
        IsRatio = isRatio;
        IsLeast = isLeast;
    }

    public double Limit { get; }

    /// <summary>The limit is of the ratio to the control.</summary>
    public bool IsRatio { get; }

    /// <summary>The limit is the least that is wanted, not the most.</summary>
    public bool IsLeast { get; }

    public static Goal Ratio(double atMost) => new(atMost, isRatio: true, isLeast: false);

    public static Goal AtMost(double value) => new(value, isRatio: false, isLeast: false);

    public static Goal AtLeast(double value) => new(value, isRatio: false, isLeast: true);

    public bool IsMetBy(double value) => IsLeast ? value >= Limit : value <= Limit;
}
