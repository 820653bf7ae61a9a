using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Afs.Control;

/// <summary>
/// Names and paths are bytes; here they are text that loses none: a byte that belongs to no UTF-8 is a lone surrogate, U+DC80 to U+DCFF, as Python's os.fsdecode
/// makes it. In JSON it is written as an escape, <c>"caf\udce9"</c>, which a reader that knows the convention turns back.
/// </summary>
public static class ByteText
{
    private const char FirstSurrogate = '\uDC00';

    public static string Of(ReadOnlySpan<byte> bytes)
    {
        var text = new StringBuilder(bytes.Length);
        Span<char> chars = stackalloc char[2];
        while (!bytes.IsEmpty)
        {
            bool isWhole = Rune.DecodeFromUtf8(bytes, out Rune rune, out int used) == OperationStatus.Done;
            if (isWhole)
                text.Append(chars[..rune.EncodeToUtf16(chars)]);
            else
            {
                foreach (byte single in bytes[..used])
                    text.Append((char)(FirstSurrogate + single));
            }
            bytes = bytes[used..];
        }
        return text.ToString();
    }

    public static byte[] ToBytes(string text)
    {
        var bytes = new ArrayBufferWriter<byte>(text.Length + 16);
        ReadOnlySpan<char> rest = text;
        while (!rest.IsEmpty)
        {
            if (Rune.DecodeFromUtf16(rest, out Rune rune, out int used) != OperationStatus.Done && rest[0] is >= '\uDC80' and <= '\uDCFF')
            {
                bytes.GetSpan(1)[0] = (byte)(rest[0] - FirstSurrogate);
                bytes.Advance(1);
            }
            else
                bytes.Advance(rune.EncodeToUtf8(bytes.GetSpan(4)));
            rest = rest[used..];
        }
        return bytes.WrittenSpan.ToArray();
    }
}

/// <summary>Writes and reads such text in JSON, whose own strings have no lone surrogates.</summary>
public sealed class ByteTextConverter : JsonConverter<string>
{
    public override string? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType != JsonTokenType.String)
            throw new JsonException("A path is text.");
        byte[] raw = reader.HasValueSequence ? reader.ValueSequence.ToArray() : reader.ValueSpan.ToArray();
        string text = Encoding.UTF8.GetString(raw);
        return reader.ValueIsEscaped ? Unescape(text) : text;
    }

    public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options)
    {
        if (!HasLoneSurrogates(value))
        {
            writer.WriteStringValue(value);
            return;
        }
        var raw = new StringBuilder(value.Length + 16).Append('"');
        for (int i = 0; i < value.Length; i++)
        {
            char c = value[i];
            bool isPair = char.IsHighSurrogate(c) && i + 1 < value.Length && char.IsLowSurrogate(value[i + 1]);
            if (isPair)
                raw.Append(c).Append(value[++i]);
            else if (c is '"' or '\\')
                raw.Append('\\').Append(c);
            else if (c < ' ' || c == '\u007F' || char.IsSurrogate(c))
                raw.Append("\\u").Append(((int)c).ToString("x4", System.Globalization.CultureInfo.InvariantCulture));
            else
                raw.Append(c);
        }
        writer.WriteRawValue(raw.Append('"').ToString(), skipInputValidation: true);
    }

    private static bool HasLoneSurrogates(string text)
    {
        for (int i = 0; i < text.Length; i++)
        {
            if (!char.IsSurrogate(text[i]))
                continue;
            if (!char.IsHighSurrogate(text[i]) || i + 1 == text.Length || !char.IsLowSurrogate(text[i + 1]))
                return true;
            i++;
        }
        return false;
    }

    /// <summary>The reader has checked the escapes.</summary>
    private static string Unescape(string raw)
    {
        var text = new StringBuilder(raw.Length);
        for (int i = 0; i < raw.Length; i++)
        {
            if (raw[i] != '\\')
            {
                text.Append(raw[i]);
                continue;
            }
            char escape = raw[++i];
            if (escape == 'u')
            {
                text.Append((char)Convert.ToUInt16(raw.Substring(i + 1, 4), 16));
                i += 4;
                continue;
            }
            text.Append(escape switch { 'b' => '\b', 'f' => '\f', 'n' => '\n', 'r' => '\r', 't' => '\t', _ => escape });
        }
        return text.ToString();
    }
}

/// <summary>A list of such texts.</summary>
public sealed class ByteTextListConverter : JsonConverter<IReadOnlyList<string>>
{
    private static readonly ByteTextConverter One = new();

    public override IReadOnlyList<string> Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
            throw new JsonException("Paths are a list.");
        var texts = new List<string>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            texts.Add(reader.TokenType == JsonTokenType.Null ? null! : One.Read(ref reader, typeof(string), options)!); // The daemon refuses it by name.
        return texts;
    }

    public override void Write(Utf8JsonWriter writer, IReadOnlyList<string> value, JsonSerializerOptions options)
    {
        writer.WriteStartArray();
        foreach (string text in value)
            One.Write(writer, text, options);
        writer.WriteEndArray();
    }
}
