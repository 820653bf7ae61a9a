using System.CommandLine;

namespace Afs.CommandLines;

/// <summary>How the programs parse: what is typed is what is meant. A name that begins with '@' is a file's name, and names no file of more arguments.</summary>
public static class PlainParser
{
    private static readonly ParserConfiguration Configuration = new() { ResponseFileTokenReplacer = null };

    public static ParseResult Parse(RootCommand root, IReadOnlyList<string> arguments)
    {
        HelpForm.Apply(root);
        return root.Parse(arguments, Configuration);
    }
}
