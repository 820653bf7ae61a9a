using System.CommandLine;
using Afs.CommandLines;

namespace Afs.Shared.Tests.CommandLines;

/// <summary>A file with a command's options.</summary>
public sealed class ConfigurationTests : IDisposable
{
    private readonly string _file = Path.Combine(Directory.CreateTempSubdirectory("afs-configuration-").FullName, "it.yaml");
    private readonly Option<string?> _listen = new("--listen");
    private readonly Option<string[]> _peers = new("--peer");
    private readonly Option<bool> _tls = new("--tls");
    private readonly Option<int> _most = new("--most");
    private readonly Argument<string> _server = new("server");
    private readonly RootCommand _root;

    public ConfigurationTests() => _root = new RootCommand { new Command("serve") { _server, _listen, _peers, _tls, _most, ConfiguredCommandLine.CreateOption() } };

    public void Dispose() => Directory.Delete(Path.GetDirectoryName(_file)!, recursive: true);

    [Fact]
    public void Options_and_arguments_come_from_the_file()
    {
        ParseResult parsed = Parse("server: host:7000\nlisten: 'a b'\npeer: [one, two]\ntls: true\n");
        Assert.Empty(parsed.Errors);
        Assert.Equal("host:7000", parsed.GetValue(_server));
        Assert.Equal("a b", parsed.GetValue(_listen));
        Assert.Equal(["one", "two"], parsed.GetValue(_peers)!);
        Assert.True(parsed.GetValue(_tls));
    }

    [Fact]
    public void The_command_line_goes_first()
    {
        ParseResult parsed = Parse("server: host\nlisten: a\npeer: [one, two]\ntls: true\n", "mine", "--listen", "b", "--peer", "three", "--tls=false");
        Assert.Empty(parsed.Errors);
        Assert.Equal("mine", parsed.GetValue(_server));
        Assert.Equal("b", parsed.GetValue(_listen));
        Assert.Equal(["three"], parsed.GetValue(_peers)!);
        Assert.False(parsed.GetValue(_tls));
    }

    [Fact]
    public void A_value_of_the_command_line_is_not_blamed_on_the_file() =>
        Assert.Equal("'x' is no value for --most, which takes a whole number.", WrongUsage.FindValue(Parse("server: host\nmost: 5\n", "--most", "x"))?.Text);

    [Fact]
    public void A_file_that_is_not_named_is_a_wrong_command_line() =>
        Assert.StartsWith("Required argument missing for option: '--config'.", WrongUsage.Find("it", ConfiguredCommandLine.Parse(_root, ["serve", "--config"])));

    /// <summary>Nesting that a recursive reader would fall over, and references that stand for more than there is memory.</summary>
    [Fact]
    public void A_file_that_is_made_to_be_read_for_ever_is_refused()
    {
        Assert.Contains("'peer' wants a value", Refusal("peer: " + new string('[', 100_000)), StringComparison.Ordinal);
        Assert.Contains("expected lines of the form", Refusal(new string('[', 100_000)), StringComparison.Ordinal);
        Assert.Contains("expected the name of an option", Refusal(string.Concat(Enumerable.Repeat("? ", 100_000))), StringComparison.Ordinal);
        Assert.Contains("wants a value", Refusal("a: &a x\npeer: [*a, *a]\n"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("peer: [127.0[0.1:7000]\n", "line 1")]
    [InlineData("listen: a\nlisten: b\n", "line 2: 'listen' comes twice.")]
    [InlineData("listen: a\n---\nlisten: b\n", "expected one document")]
    [InlineData("*a : b\n", "")]
    public void What_is_no_such_file_is_refused_in_one_way(string text, string expected) => Assert.Contains(expected, Refusal(text), StringComparison.Ordinal);

    private static string Refusal(string text) => Assert.Throws<ConfigurationException>(() => ConfigurationFile.Parse("it.yaml", text)).Message;

    [Theory]
    [InlineData("server: host\n\nlisen: a\n", "line 3: unknown option 'lisen'; did you mean 'listen'?")]
    [InlineData("colour: red\n", "line 1: unknown option 'colour'; known are listen, most, peer, server, tls.")]
    [InlineData("config: other\n", "line 1: unknown option 'config'; known are")]
    [InlineData("server: host\ntls: perhaps\n", "line 2: 'tls' is true or false, not 'perhaps'.")]
    [InlineData("server: host\nmost: all\n", "line 2: 'all' is no value for --most, which takes a whole number.")]
    [InlineData("server: host\nlisten:\n", "line 2: 'listen' has no value.")]
    [InlineData("server: host\npeer: []\n", "line 2: 'peer' has no value.")]
    [InlineData("server: host\nlisten: [a, b]\n", "line 2: 'listen' takes one value, not a list.")]
    [InlineData("server: [a, b]\n", "line 1: 'server' takes one value, not a list.")]
    [InlineData("listen: {a: b}\n", "line 1: 'listen' wants a value, or a list of values.")]
    [InlineData("listen: [a, [b]]\n", "line 1: 'listen' wants a value, or a list of values.")]
    [InlineData("listen: a\nlisten: b\n", "line 2: ")]
    [InlineData("listen: 'a\n", "line 1: ")]
    [InlineData("just text\n", "expected lines of the form 'option: value'.")]
    [InlineData("listen: a\n---\nlisten: b\n", "expected one document")]
    public void A_wrong_file_is_refused_with_its_line(string text, string message) =>
        Assert.Contains(message, Assert.Throws<ConfigurationException>(() => Parse(text)).Message);

    [Fact]
    public void A_missing_file_is_named() =>
        Assert.Contains(_file, Assert.Throws<ConfigurationException>(() => ConfiguredCommandLine.Parse(_root, ["serve", "--config", _file])).Message);

    [Fact]
    public void An_empty_file_adds_nothing() => Assert.Null(Parse("# nothing\n", "host").GetValue(_listen));

    private ParseResult Parse(string text, params string[] arguments)
    {
        File.WriteAllText(_file, text);
        return ConfiguredCommandLine.Parse(_root, ["serve", .. arguments, "--config", _file]);
    }
}
