using System.CommandLine;
using System.CommandLine.Help;

namespace Afs.CommandLines;

/// <summary>How `--help` is laid out: in lines that any terminal shows whole.</summary>
public static class HelpForm
{
    private const int MostColumns = 100;

    /// <summary>For the program and all its commands.</summary>
    public static void Apply(RootCommand root)
    {
        foreach (HelpAction help in root.Options.OfType<HelpOption>().Select(static option => option.Action).OfType<HelpAction>())
        {
            // A terminal may say that it has no columns.
            if (help.MaxWidth is <= 0 or > MostColumns)
                help.MaxWidth = MostColumns;
        }
    }
}
