using System.Text.Json;

namespace Afs.Cli;

/// <summary>One JSON document on one line, so that a program can read them as they come.</summary>
internal static class JsonLine
{
    public static string Of(FetchProgress progress) => JsonSerializer.Serialize(progress, ControlJson.Line.FetchProgress);

    public static string Of(ChangeReport change) => JsonSerializer.Serialize(change, ControlJson.Line.ChangeReport);
}
