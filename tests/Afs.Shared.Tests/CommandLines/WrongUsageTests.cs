using System.CommandLine;
using Afs.CommandLines;

namespace Afs.Shared.Tests.CommandLines;

/// <summary>What somebody is told who typed something wrong.</summary>
public sealed class WrongUsageTests
{
    private enum Way
    {
        Fast,
        Safe,
    }

    private readonly RootCommand _root = new()
    {
        new Command("mount")
        {
            new Argument<string>("server"),
            new Argument<string>("place"),
            new Option<long>("--cache-size") { CustomParser = ByteCount.ParsePositive },
            new Option<Way?>("--way"),
            new Option<bool>("--quiet", "-q"),
            new Option<double>("--timeout").Within(0.5, 60),
        },
        new Command("status"),
    };

    [Theory]
    [InlineData("", "Which command? One of mount, status. (it --help says more.)")]
    [InlineData("stats", "There is no command 'stats'; did you mean status? (it --help says more.)")]
    [InlineData("mount a b --cachesize=5", "There is no option --cachesize; did you mean --cache-size? (it mount --help says more.)")]
    [InlineData("mount --cachesize a b", "There is no option --cachesize; did you mean --cache-size?")]
    [InlineData("mount --zzz -- b", "There is no option --zzz.")]
    [InlineData("mount a -- -b --zzz", "'--zzz' is one argument too many.")]
    [InlineData("mount --zzz b", "There is no option --zzz.")]
    [InlineData("mount a b c", "'c' is one argument too many.")]
    [InlineData("mount a", "Required argument 'place' missing for command: 'mount'.")]
    [InlineData("mount a b --cache-size", "Required argument missing for option: '--cache-size'.")]
    [InlineData("mount a b --cache-size 5Q", "'5Q' is no size; write e.g. 500M or 10G.")]
    [InlineData("mount a b --cache-size 0G", "'0G' is no size")]
    [InlineData("mount a b --way slow", "'slow' is no value for --way, which takes fast, safe.")]
    [InlineData("mount a b --timeout soon", "'soon' is no value for --timeout, which takes a number.")]
    [InlineData("mount a b --timeout 0.4", "--timeout must be from 0.5 to 60, not 0.4.")]
    [InlineData("mount a b --timeout 61", "--timeout must be from 0.5 to 60, not 61.")]
    [InlineData("mount a b --timeout NaN", "--timeout must be from 0.5 to 60, not NaN.")]
    [InlineData("mount a\nb", "Required argument 'place'")]
    [InlineData("mount a b c\u001b[31m\n", "'c\\x1b[31m\\x0a' is one argument too many.")]
    public void It_is_told_in_one_line_what_is_wrong(string typed, string told)
    {
        string? wrong = WrongUsage.Find("it", Parse(typed));
        Assert.StartsWith(told, wrong);
        Assert.DoesNotContain("\n", wrong);
    }

    [Theory]
    [InlineData("mount a b")]
    [InlineData("mount @a - -q --way FAST --timeout 0.5 --cache-size 1T")]
    [InlineData("mount --help")]
    public void What_is_right_is_not_wrong(string typed) => Assert.Null(WrongUsage.Find("it", Parse(typed)));

    private ParseResult Parse(string typed) => PlainParser.Parse(_root, typed.Split(' ', StringSplitOptions.RemoveEmptyEntries));
}
