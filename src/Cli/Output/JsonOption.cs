using System.CommandLine;

namespace Afs.Cli;

/// <summary>`--json`, which every command has.</summary>
internal static class JsonOption
{
    public static readonly Option<bool> Json = new("--json") { Description = "For programs: JSON on standard output." };
}
