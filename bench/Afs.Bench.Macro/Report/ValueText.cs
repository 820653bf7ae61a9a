using System.Globalization;
using Afs.Bench.Macro.Measuring;

namespace Afs.Bench.Macro.Report;

/// <summary>Values as a reader wants them: three digits and a fitting unit.</summary>
public static class ValueText
{
    public static string Of(double value, Unit unit) => unit switch
    {
        Unit.Seconds => Seconds(value),
        Unit.Bytes => Bytes(value),
        Unit.Percent => Digits(value) + " %",
        Unit.PerSecond => Digits(value) + " /s",
        Unit.Calls => value.ToString("0.##", CultureInfo.InvariantCulture),
        _ => Digits(value),
    };

    public static string Ratio(double value) => Digits(value);

    public static string Of(Goal goal, Unit unit)
    {
        string limit = goal.IsRatio ? Digits(goal.Limit) + " x" : Of(goal.Limit, unit);
        return (goal.IsLeast ? ">= " : "<= ") + limit;
    }

    private static string Seconds(double value) => value switch
    {
        >= 1 => Digits(value) + " s",
        >= 1e-3 => Digits(value * 1e3) + " ms",
        _ => Digits(value * 1e6) + " us",
    };

    private static string Bytes(double value) => value switch
    {
        >= 1 << 20 => Digits(value / (1 << 20)) + " MiB",
        >= 1 << 10 => Digits(value / (1 << 10)) + " KiB",
        _ => Digits(value) + " B",
    };

    private static string Digits(double value) => value switch
    {
        >= 100 => value.ToString("0", CultureInfo.InvariantCulture),
        >= 10 => value.ToString("0.0", CultureInfo.InvariantCulture),
        _ => value.ToString("0.00", CultureInfo.InvariantCulture),
    };
}
