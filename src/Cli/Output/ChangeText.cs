using System.Globalization;

namespace Afs.Cli;

/// <summary>A line of `afs watch`.</summary>
internal static class ChangeText
{
    /// <summary>A change, and not something about the watch itself.</summary>
    public static bool IsOfOthers(string kind) =>
        kind is not (ChangeKinds.Watching or ChangeKinds.OutOfTouch or ChangeKinds.InTouch or ChangeKinds.Missed);

    public static string Of(ChangeReport change) =>
        $"{change.Time.ToLocalTime().ToString("HH:mm:ss.fff", CultureInfo.InvariantCulture)}  {OneLine.Of(change.Kind),-8}  {Rest(change)}";

    private static string Rest(ChangeReport change) => change.Kind switch
    {
        ChangeKinds.Watching => Counted.Of(change.Count ?? 0, "file or folder", "files and folders"),
        ChangeKinds.Missed => $"{Counted.Of(change.Count ?? 0, "change")}: faster than they were read",
        ChangeKinds.OutOfTouch => OneLine.Of(change.Reason),
        ChangeKinds.InTouch => "the server answers again",
        ChangeKinds.Renamed => $"{OneLine.Of(change.From)} -> {OneLine.Of(change.Path)}",
        ChangeKinds.Stored => $"{OneLine.Of(change.Path)}  version {change.DataVersion}, {ByteCount.Format(change.LengthBytes ?? 0)}",
        _ => OneLine.Of(change.Path),
    };
}
