using System.CommandLine;
using System.CommandLine.Parsing;

namespace Afs.Cli;

/// <summary>Paths on the command line. What looks like an option is none of them: it is misspelt.</summary>
internal static class PathArgument
{
    /// <summary>A mount point or anything in it; null where left out.</summary>
    public static Argument<string?> OfMount(string whereLeftOut = "all mounts") => Checked(new Argument<string?>("path")
    {
        Arity = ArgumentArity.ZeroOrOne,
        Description = $"A mount point or anything in it; {whereLeftOut} where left out.",
    });

    public static Argument<string> One(string description) => Checked(new Argument<string>("path") { Description = description });

    public static Argument<string[]> Many(bool mayBeNone = false) => Checked(new Argument<string[]>("path")
    {
        Arity = mayBeNone ? ArgumentArity.ZeroOrMore : ArgumentArity.OneOrMore,
        Description = "Files or folders of one mount.",
    });

    private static TArgument Checked<TArgument>(TArgument argument)
        where TArgument : Argument
    {
        argument.Validators.Add(Refuse);
        return argument;
    }

    private static void Refuse(ArgumentResult result)
    {
        foreach (Token token in result.Tokens)
        {
            if (token.Value.StartsWith('-'))
                result.AddError($"There is no option {token.Value}. A file of this name is ./{token.Value}.");
        }
    }
}
