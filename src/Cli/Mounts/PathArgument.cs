using System.CommandLine;

namespace Afs.Cli;

/// <summary>Paths on the command line.</summary>
internal static class PathArgument
{
    /// <summary>A mount point or anything in it; null where left out.</summary>
    public static Argument<string?> OfMount(string whereLeftOut = "all mounts") => new Argument<string?>("path")
    {
        Arity = ArgumentArity.ZeroOrOne,
        Description = $"A mount point or anything in it; {whereLeftOut} where left out.",
    };

    public static Argument<string> One(string description) => new Argument<string>("path") { Description = description };

    public static Argument<string[]> Many(bool mayBeNone = false) => new Argument<string[]>("path")
    {
        Arity = mayBeNone ? ArgumentArity.ZeroOrMore : ArgumentArity.OneOrMore,
        Description = "Files or folders of one mount.",
    };
}
