using System.CommandLine;
using System.CommandLine.Parsing;

namespace Afs.Daemons;

/// <summary>
/// A command line whose `--config FILE` stands for what the file says. Each of a command's options and arguments is a key of the file; what the
/// command line says itself goes first. So there is one list of options, one check of each value, and one text that describes it.
/// </summary>
public static class ConfiguredCommandLine
{
    /// <summary>A command that takes a file has this among its options.</summary>
    public static Option<string?> CreateOption() => new("--config") { Description = "A YAML file with any of these options, e.g. 'log-level: Debug'. The command line goes first." };

    /// <summary>Parses, with what the file adds.</summary>
    /// <exception cref="ConfigurationException">The file can't be used, or has an unknown key.</exception>
    public static ParseResult Parse(RootCommand root, IReadOnlyList<string> arguments)
    {
        ParseResult given = root.Parse(arguments);
        Command command = given.CommandResult.Command;
        if (command.Options.FirstOrDefault(o => o.Name == "--config") is not Option<string?> config || given.GetValue(config) is not { } path)
            return given;
        ConfigurationFile file = ConfigurationFile.Read(path);
        List<string> positional = [], named = [];
        foreach (ConfigurationEntry entry in file.Entries)
        {
            if (Find(command.Options.Where(o => o != config && !o.Hidden), o => KeyOf(o), entry.Name) is { } option)
            {
                if (given.GetResult(option) is null or OptionResult { Implicit: true })
                    named.AddRange(entry.Values.Select(value => $"{option.Name}={value}"));
            }
            else if (Find(command.Arguments, a => a.Name, entry.Name) is not { } argument)
            {
                throw Unknown(file, entry, command);
            }
        }
        foreach (Argument argument in command.Arguments)
        {
            if (given.GetResult(argument) is not { Tokens.Count: > 0 } && file.Entries.FirstOrDefault(e => e.Name == argument.Name) is { } entry)
                positional.AddRange(entry.Values);
        }
        return root.Parse([.. arguments, .. named, .. positional]);
    }

    /// <summary>The name of an option in a file.</summary>
    public static string KeyOf(Option option) => option.Name.TrimStart('-');

    private static T? Find<T>(IEnumerable<T> symbols, Func<T, string> name, string key)
        where T : Symbol => symbols.FirstOrDefault(symbol => name(symbol) == key);

    private static ConfigurationException Unknown(ConfigurationFile file, ConfigurationEntry entry, Command command)
    {
        IEnumerable<string> known = command.Options.Where(o => !o.Hidden && o.Name is not ("--config" or "--help")).Select(KeyOf).Concat(command.Arguments.Select(a => a.Name));
        string hint = NearestName.Find(entry.Name, known) is { } near ? $"did you mean '{near}'?" : $"known are {string.Join(", ", known.Order())}.";
        return new ConfigurationException($"{file.Path}, line {entry.Line}: unknown option '{entry.Name}'; {hint}");
    }
}
