using System.CommandLine;
using System.CommandLine.Parsing;

namespace Afs.CommandLines;

/// <summary>What is wrong with a command line, in one line for who typed it. One thing at a time: what is unknown first, then values, then what is missing.</summary>
public static class WrongUsage
{
    /// <param name="program">As it is called.</param>
    /// <returns>Null: nothing is wrong.</returns>
    public static string? Find(string program, ParseResult parsed)
    {
        string? wrong = FindUnknown(parsed) ?? FindValue(parsed)?.Text ?? FindMissing(parsed);
        return wrong is null ? null : $"{OneLine.Of(wrong)} ({string.Join(' ', Names(program, parsed))} --help says more.)";
    }

    /// <summary>The first value that an option or an argument doesn't take.</summary>
    public static (Symbol Symbol, string Text)? FindValue(ParseResult parsed)
    {
        foreach (ParseError error in parsed.Errors)
        {
            switch (error.SymbolResult)
            {
                case ArgumentResult { Parent: OptionResult option, Tokens: [.., var value] }: return (option.Option, Describe(error, option.Option.Name, option.Option.ValueType, value));
                case OptionResult { Tokens: [.., var value] } option: return (option.Option, Describe(error, option.Option.Name, option.Option.ValueType, value));
                case ArgumentResult { Tokens: [.., var value] } argument: return (argument.Argument, Describe(error, argument.Argument.Name, argument.Argument.ValueType, value));
            }
        }
        return null;
    }

    /// <summary>What looks like an option and is none is taken for an argument by the parser, where there can be more of them.</summary>
    private static string? FindUnknown(ParseResult parsed)
    {
        IEnumerable<Token> arguments = parsed.CommandResult.Children.OfType<ArgumentResult>().SelectMany(static argument => argument.Tokens);
        // What follows "--" is none, whatever it looks like; it is the last of all.
        int literal = parsed.Tokens.SkipWhile(static token => token.Type != TokenType.DoubleDash).Skip(1).Count();
        string? option = arguments.Select(static token => token.Value).Concat(parsed.UnmatchedTokens).SkipLast(literal).FirstOrDefault(static text => text.StartsWith('-') && text.Length > 1);
        Command command = parsed.CommandResult.Command;
        if (option is not null)
        {
            string name = option.Split('=')[0];
            IEnumerable<string> known = command.Options.Where(static known => !known.Hidden).SelectMany(static known => known.Aliases.Append(known.Name));
            return $"There is no option {name}{Hint(name, known)}";
        }
        if (parsed.UnmatchedTokens is not [var first, ..])
            return null;
        return command.Subcommands.Count == 0
            ? $"'{first}' is one argument too many."
            : $"There is no command '{first}'{Hint(first, command.Subcommands.Select(static sub => sub.Name))}";
    }

    private static string Hint(string typed, IEnumerable<string> known) => NearestName.Find(typed, known) is { } near ? $"; did you mean {near}?" : ".";

    /// <summary>The parser's own words about a value name the type that it has in here.</summary>
    private static string Describe(ParseError error, string name, Type type, Token value)
    {
        Type plain = Nullable.GetUnderlyingType(type) ?? type;
        if (!error.Message.Contains(plain.FullName ?? plain.Name, StringComparison.Ordinal))
            return error.Message;
        string takes = plain switch
        {
            { IsEnum: true } => string.Join(", ", Enum.GetNames(plain).Select(static known => known.ToLowerInvariant())),
            _ when plain == typeof(bool) => "true or false",
            _ when plain == typeof(double) => "a number",
            _ => "a whole number",
        };
        return $"'{value.Value}' is no value for {name}, which takes {takes}.";
    }

    private static string? FindMissing(ParseResult parsed)
    {
        if (parsed.Errors is not [var first, ..])
            return null;
        Command command = parsed.CommandResult.Command;
        return command.Subcommands.Count > 0 ? $"Which command? One of {string.Join(", ", command.Subcommands.Select(static sub => sub.Name))}." : first.Message;
    }

    private static IEnumerable<string> Names(string program, ParseResult parsed)
    {
        var names = new Stack<string>();
        for (SymbolResult? at = parsed.CommandResult; at is CommandResult { Command: not RootCommand } command; at = at.Parent)
            names.Push(command.Command.Name);
        return names.Prepend(program);
    }
}

/// <summary>Finds what somebody meant who mistyped a name.</summary>
public static class NearestName
{
    /// <summary>The name with the fewest letters to change, add or leave out; null where none is near: more than a third of the letters differ.</summary>
    public static string? Find(string typed, IEnumerable<string> names)
    {
        string? nearest = names.MinBy(name => Distance(typed, name));
        return nearest is not null && Distance(typed, nearest) <= Math.Max(typed.Length, nearest.Length) / 3 ? nearest : null;
    }

    /// <summary>Levenshtein's distance, a row at a time.</summary>
    private static int Distance(string from, string to)
    {
        int[] row = [.. Enumerable.Range(0, to.Length + 1)];
        for (int i = 1; i <= from.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= to.Length; j++)
            {
                int above = row[j];
                row[j] = Math.Min(Math.Min(row[j] + 1, row[j - 1] + 1), diagonal + (from[i - 1] == to[j - 1] ? 0 : 1));
                diagonal = above;
            }
        }
        return row[^1];
    }
}
