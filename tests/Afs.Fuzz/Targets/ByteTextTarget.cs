using System.Text.Json;
using Afs.CommandLines;
using Afs.Control;

namespace Afs.Fuzz;

/// <summary>Names of any bytes as text, in JSON, and on a terminal.</summary>
internal sealed class ByteTextTarget : Target
{
    public override string Name => "names-as-text";

    public override string About => "names of any bytes as text, in JSON, and on a terminal";

    public override int MostBytes => 512;

    public override long MostAllocatedBytes(int inputBytes) => 32 * 1024 + 256L * inputBytes;

    public override IReadOnlyList<byte[]> Words => [[0xE9], [0xED, 0xB3, 0xA9], [0xF0, 0x9F, 0x98, 0x80], [0xE2, 0x80, 0xAE], [0xC0, 0xAF], [0x1B, 0x5B], "\\u"u8.ToArray()];

    public override IEnumerable<byte[]> Seeds() => ["plain"u8.ToArray(), [0x63, 0x61, 0x66, 0xE9], "a\"b\\c\n\u202e"u8.ToArray(), [0xF0, 0x9F, 0x98, 0x80, 0xED, 0xA0, 0x80]];

    public override bool Run(ReadOnlySpan<byte> input)
    {
        string text = ByteText.Of(input);
        Holds(ByteText.ToBytes(text).AsSpan().SequenceEqual(input), "A name as text loses no byte.");
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(new ControlReply { Message = text }, ControlJson.Default.ControlReply);
        Holds(JsonSerializer.Deserialize(json, ControlJson.Default.ControlReply)!.Message == text, "A name in JSON loses no byte.");
        string shown = OneLine.Of(text);
        foreach (char c in shown)
            Holds(!char.IsControl(c) && c is not ('\u202e' or '\u2028' or '\u2029'), "What is shown steers no terminal.");
        Holds(shown.EnumerateRunes().All(static rune => rune.Value != 0xFFFD) || text.Contains('\uFFFD'), "What is shown has no halves of pairs.");
        return true;
    }
}
