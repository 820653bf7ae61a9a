using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

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
        var stream = new YamlStream();
        try
        {
            stream.Load(new StringReader(text));
        }
        catch (YamlException e)
        {
            throw new ConfigurationException($"{path}, line {e.Start.Line}: {(e.InnerException ?? e).Message}", e);
        }
        return stream.Documents switch
        {
            [] => new ConfigurationFile(path, []),
            [{ RootNode: YamlMappingNode map }] => new ConfigurationFile(path, [.. map.Children.Select(pair => ReadEntry(path, pair.Key, pair.Value))]),
            [_] => throw new ConfigurationException($"{path}: expected lines of the form 'option: value'."),
            _ => throw new ConfigurationException($"{path}: expected one document, without '---' in the middle."),
        };
    }

    private static ConfigurationEntry ReadEntry(string path, YamlNode key, YamlNode value)
    {
        if (key is not YamlScalarNode { Value: { Length: > 0 } name })
            throw new ConfigurationException($"{path}, line {key.Start.Line}: expected the name of an option.");
        IReadOnlyList<string> values = value switch
        {
            YamlScalarNode scalar => [scalar.Value ?? ""],
            YamlSequenceNode list => [.. list.Select(item => item is YamlScalarNode scalar ? scalar.Value ?? "" : throw NotAValue(path, name, item))],
            _ => throw NotAValue(path, name, value),
        };
        return new ConfigurationEntry(name, values, key.Start.Line);
    }

    private static ConfigurationException NotAValue(string path, string name, YamlNode node) =>
        new($"{path}, line {node.Start.Line}: '{name}' wants a value, or a list of values.");
}
