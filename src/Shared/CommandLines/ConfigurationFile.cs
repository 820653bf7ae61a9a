using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Afs.CommandLines;

/// <summary>
/// A YAML file (yaml.org, 1.2) with one mapping from names of options to values: a scalar, or a list of scalars for an option that may be repeated.
/// </summary>
public sealed class ConfigurationFile
{
    private const long MostBytes = 1 << 20;

    private ConfigurationFile(string path, IReadOnlyList<ConfigurationEntry> entries)
    {
        Path = path;
        Entries = entries;
    }

    public string Path { get; }

    /// <summary>In the file's order; no key twice.</summary>
    public IReadOnlyList<ConfigurationEntry> Entries { get; }

    /// <exception cref="ConfigurationException">It can't be read, or isn't such a file.</exception>
    public static ConfigurationFile Read(string path)
    {
        try
        {
            if (Directory.Exists(path))
                throw new ConfigurationException($"{path} is a folder, no configuration file.");
            if (new FileInfo(path).Length > MostBytes)
                throw new ConfigurationException($"{path} is longer than {MostBytes} bytes; it can't be a configuration file.");
            return Parse(path, File.ReadAllText(path));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ConfigurationException($"The configuration file {path} can't be read: {e.Message}", e);
        }
    }

    /// <param name="path">Named in messages.</param>
    /// <exception cref="ConfigurationException">It isn't such a file.</exception>
    public static ConfigurationFile Parse(string path, string text)
    {
        var parser = new Parser(new StringReader(text));
        try
        {
            return new ConfigurationFile(path, Read(path, parser));
        }
        catch (YamlException e)
        {
            throw new ConfigurationException($"{path}, line {e.Start.Line}: {OneLine.Of((e.InnerException ?? e).Message)}", e);
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException or IndexOutOfRangeException or OverflowException or FormatException)
        {
            // The library documents one exception, and throws others at some of what is no YAML.
            throw new ConfigurationException($"{path}, line {parser.Current?.End.Line ?? 1}: behind it is something that is no YAML.", e);
        }
    }

    /// <summary>
    /// By what the parser meets, one after the other, and never more of it than such a file has: a tree would be as deep as somebody nests, and its references would
    /// stand for as much as somebody likes.
    /// </summary>
    private static List<ConfigurationEntry> Read(string path, Parser parser)
    {
        parser.Consume<StreamStart>();
        var entries = new List<ConfigurationEntry>();
        if (parser.TryConsume<StreamEnd>(out _))
            return entries;
        parser.Consume<DocumentStart>();
        if (!parser.TryConsume<MappingStart>(out _))
            throw new ConfigurationException($"{path}: expected lines of the form 'option: value'.");
        var names = new HashSet<string>();
        while (!parser.TryConsume<MappingEnd>(out _))
        {
            ConfigurationEntry entry = ReadEntry(path, parser);
            entries.Add(names.Add(entry.Name) ? entry : throw new ConfigurationException($"{path}, line {entry.Line}: '{OneLine.Of(entry.Name)}' comes twice."));
        }
        parser.Consume<DocumentEnd>();
        return parser.TryConsume<StreamEnd>(out _) ? entries : throw new ConfigurationException($"{path}: expected one document, without '---' in the middle.");
    }

    private static ConfigurationEntry ReadEntry(string path, Parser parser)
    {
        if (!parser.TryConsume<Scalar>(out Scalar? key) || key.Value.Length == 0)
            throw new ConfigurationException($"{path}, line {parser.Current?.Start.Line ?? 0}: expected the name of an option.");
        if (parser.TryConsume<Scalar>(out Scalar? only))
            return new ConfigurationEntry(key.Value, [only.Value], key.Start.Line);
        if (!parser.TryConsume<SequenceStart>(out _))
            throw NotAValue(path, key.Value, parser);
        var values = new List<string>();
        while (!parser.TryConsume<SequenceEnd>(out _))
            values.Add(parser.TryConsume<Scalar>(out Scalar? item) ? item.Value : throw NotAValue(path, key.Value, parser));
        return new ConfigurationEntry(key.Value, values, key.Start.Line);
    }

    private static ConfigurationException NotAValue(string path, string name, Parser parser) =>
        new($"{path}, line {parser.Current?.Start.Line ?? 0}: '{OneLine.Of(name)}' wants a value, or a list of values.");
}

/// <summary>One option of a configuration file.</summary>
/// <param name="Name">As on the command line, without the dashes.</param>
/// <param name="Line">From 1.</param>
public sealed record ConfigurationEntry(string Name, IReadOnlyList<string> Values, long Line);

/// <summary>A configuration file can't be used; the message says which, where and why, in one line.</summary>
public sealed class ConfigurationException(string message, Exception? cause = null) : Exception(message, cause);
