using System.Globalization;
using System.Text;

namespace Afs.CommandLines;

/// <summary>
/// Text from outside, made safe to look at: names of files, what servers and daemons say. Nothing in it may act as a command to the terminal, turn the line around, hide,
/// or look like another line.
/// </summary>
public static class OneLine
{
    /// <summary>What doesn't show as itself is written as an escape: \x1b, \u202e. A newline too, so that it stays one line.</summary>
    public static string Of(string? text) => Escape(text ?? "", "");

    /// <summary>The same, with the newlines, returns and tabs that a program's own output has.</summary>
    internal static string OfOutput(string text) => Escape(text, "\n\r\t");

    private static string Escape(string text, string plain)
    {
        StringBuilder? safe = null;
        for (int i = 0, length; i < text.Length; i += length)
        {
            bool isWhole = Rune.TryGetRuneAt(text, i, out Rune rune);
            length = isWhole ? rune.Utf16SequenceLength : 1;
            if (isWhole && (Shows(rune) || (rune.IsAscii && plain.Contains((char)rune.Value))))
            {
                safe?.Append(text, i, length);
                continue;
            }
            safe ??= new StringBuilder(text.Length + 16).Append(text, 0, i);
            int value = isWhole ? rune.Value : text[i];
            _ = value switch
            {
                < 0x100 => safe.Append(CultureInfo.InvariantCulture, $"\\x{value:x2}"),
                < 0x10000 => safe.Append(CultureInfo.InvariantCulture, $"\\u{value:x4}"),
                _ => safe.Append(CultureInfo.InvariantCulture, $"\\U{value:x8}"),
            };
        }

        return safe?.ToString() ?? text;
    }

    /// <summary>
    /// Not so: controls, the marks that turn text around or join it (Cf), separators of lines and paragraphs, halves of pairs.
    /// The zero-width joiner and non-joiner stay: words of many languages and emoji need them.
    /// </summary>
    private static bool Shows(Rune rune) => rune.Value is 0x200C or 0x200D || Rune.GetUnicodeCategory(rune) is not
        (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.Surrogate);
}

/// <summary>
/// Standard output and error of a program whose messages hold text from outside: whatever is written there passes <see cref="OneLine"/>, so that no place can forget it.
/// A name in a list is still written by <see cref="OneLine.Of"/>: only there a newline is known to be the name's.
/// </summary>
public sealed class SafeConsole : TextWriter
{
    private readonly TextWriter _inner;

    private SafeConsole(TextWriter inner) => _inner = inner;

    /// <summary>Standard error as it is, for what draws on a terminal by escape sequences of its own.</summary>
    public static TextWriter RawError { get; private set; } = Console.Error;

    public override Encoding Encoding => _inner.Encoding;

    /// <summary>To be called first, once.</summary>
    public static void Install()
    {
        RawError = Console.Error;
        Console.SetOut(new SafeConsole(Console.Out));
        Console.SetError(new SafeConsole(Console.Error));
    }

    public override void Write(char value) => Write([value]);

    public override void Write(ReadOnlySpan<char> buffer) => Write(buffer.ToString());

    public override void Write(char[] buffer, int index, int count) => Write(buffer.AsSpan(index, count));

    public override void Write(string? value) => _inner.Write(OneLine.OfOutput(value ?? ""));

    public override void WriteLine(string? value) => Write((value ?? "") + NewLine);

    public override void Flush() => _inner.Flush();
}
