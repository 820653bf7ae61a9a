using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
using System.Globalization;

namespace Afs.CommandLines;

/// <summary>
/// A command line whose `--config FILE` stands for what the file says. Each of a command's options and arguments is a key of the file; what the
/// command line says itself goes first. So there is one list of options, one check of each value, and one text that describes it.
/// </summary>
public static class ConfiguredCommandLine
{
    /// <summary>A command that takes a file has this among its options.</summary>
    public static Option<string?> CreateOption() => new("--config") { HelpName = "FILE", Description = "A YAML file with any of these options, e.g. 'log-level: Debug'. The command line goes first." };

    /// <summary>Parses, with what the file adds.</summary>
    /// <exception cref="ConfigurationException">The file can't be used, has an unknown key, or a value that its option doesn't take.</exception>
    public static ParseResult Parse(RootCommand root, IReadOnlyList<string> arguments)
    {
        ParseResult given = PlainParser.Parse(root, arguments);
        Command command = given.CommandResult.Command;
        if (command.Options.FirstOrDefault(o => o.Name == "--config") is not { } config || given.GetResult(config) is not { Tokens: [.., { Value: var path }] })
            return given;
        ConfigurationFile file = ConfigurationFile.Read(path);
        List<string> positional = [], named = [];
        var used = new Dictionary<Symbol, ConfigurationEntry>();
        foreach (ConfigurationEntry entry in file.Entries)
        {
            Option? option = Find(command.Options.Where(o => o != config && !o.Hidden), KeyOf, entry.Name);
            Argument? argument = Find(command.Arguments, a => a.Name, entry.Name);
            if (option is null && argument is null)
                throw Unknown(file, entry, command);
            RequireValues(file, entry, option);
            if (option is not null && given.GetResult(option) is null or OptionResult { Implicit: true })
            {
                named.AddRange(entry.Values.Select(value => $"{option.Name}={value}"));
                used[option] = entry;
            }
        }
        foreach (Argument argument in command.Arguments)
        {
            if (given.GetResult(argument) is not { Tokens.Count: > 0 } && file.Entries.FirstOrDefault(e => e.Name == argument.Name) is { } entry)
            {
                positional.AddRange(entry.Values);
                used[argument] = entry;
            }
        }
        // Options go before a "--", behind which nothing is one.
        string[] typed = [.. arguments];
        int end = Array.IndexOf(typed, "--") is var dash && dash < 0 ? typed.Length : dash;
        return Checked(file, used, PlainParser.Parse(root, [.. typed[..end], .. named, .. typed[end..], .. positional]));
    }

    /// <summary>The name of an option in a file.</summary>
    public static string KeyOf(Option option) => option.Name.TrimStart('-');

    /// <summary>The parser would take the next word for a value that is left out, and a word that is no truth value for an argument.</summary>
    private static void RequireValues(ConfigurationFile file, ConfigurationEntry entry, Option? option)
    {
        if (entry.Values.Count == 0 || entry.Values.Contains(""))
            throw Wrong(file, entry, $"'{entry.Name}' has no value.");
        if (entry.Values.Count > 1 && option is not { Arity.MaximumNumberOfValues: > 1 })
            throw Wrong(file, entry, $"'{entry.Name}' takes one value, not a list.");
        Type? type = option is null ? null : Nullable.GetUnderlyingType(option.ValueType) ?? option.ValueType;
        if (type == typeof(bool) && !bool.TryParse(entry.Values[0], out _))
            throw Wrong(file, entry, $"'{entry.Name}' is true or false, not '{entry.Values[0]}'.");
    }

    private static ParseResult Checked(ConfigurationFile file, Dictionary<Symbol, ConfigurationEntry> used, ParseResult parsed) =>
        WrongUsage.FindValue(parsed) is { } wrong && used.TryGetValue(wrong.Symbol, out ConfigurationEntry? entry) ? throw Wrong(file, entry, OneLine.Of(wrong.Text)) : parsed;

    private static ConfigurationException Wrong(ConfigurationFile file, ConfigurationEntry entry, string what) => new($"{file.Path}, line {entry.Line}: {what}");

    private static T? Find<T>(IEnumerable<T> symbols, Func<T, string> name, string key)
        where T : Symbol => symbols.FirstOrDefault(symbol => name(symbol) == key);

    private static ConfigurationException Unknown(ConfigurationFile file, ConfigurationEntry entry, Command command)
    {
        IEnumerable<string> known = command.Options.Where(o => !o.Hidden && o.Name is not ("--config" or "--help")).Select(KeyOf).Concat(command.Arguments.Select(a => a.Name));
        string hint = NearestName.Find(entry.Name, known) is { } near ? $"did you mean '{near}'?" : $"known are {string.Join(", ", known.Order())}.";
        return Wrong(file, entry, $"unknown option '{entry.Name}'; {hint}");
    }
}

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

/// <summary>Bounds of numbers.</summary>
public static class OptionRange
{
    /// <summary>The option refuses what is below <paramref name="least"/> or above <paramref name="most"/>, and what is no number at all.</summary>
    public static Option<T> Within<T>(this Option<T> option, T least, T most)
        where T : struct, IComparable<T>, IParsable<T>
    {
        Bound(option, least, most);
        return option;
    }

    /// <inheritdoc cref="Within{T}(Option{T}, T, T)"/>
    public static Option<T?> Within<T>(this Option<T?> option, T least, T most)
        where T : struct, IComparable<T>, IParsable<T>
    {
        Bound(option, least, most);
        return option;
    }

    private static void Bound<T>(Option option, T least, T most)
        where T : struct, IComparable<T>, IParsable<T>
    {
        option.Validators.Add(result =>
        {
            // What can't be parsed is refused by its type.
            if (result.Tokens is [var token] && T.TryParse(token.Value, CultureInfo.InvariantCulture, out T value) && !IsWithin(value, least, most))
                result.AddError(string.Create(CultureInfo.InvariantCulture, $"{option.Name} must be from {least} to {most}, not {token.Value}."));
        });
    }

    /// <summary>NaN lies below everything.</summary>
    private static bool IsWithin<T>(T value, T least, T most)
        where T : IComparable<T> => value.CompareTo(least) >= 0 && value.CompareTo(most) <= 0;
}
