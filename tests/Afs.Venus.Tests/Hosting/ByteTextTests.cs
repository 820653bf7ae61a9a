using System.Text;
using System.Text.Json;
using Afs.Control;

namespace Afs.Venus.Tests;

/// <summary>Names of files are any bytes, and none is lost on the way to people and programs.</summary>
public class ByteTextTests
{
    [Fact]
    public void Any_bytes_are_text_and_back()
    {
        var random = new Random(5);
        byte[][] parts = [[0xe9], [0xc3, 0xa9], "plain"u8.ToArray(), [0xf0, 0x9f, 0x98, 0x80], [0xed, 0xb3, 0xa9], [0xf0, 0x9f], [0xff], "/"u8.ToArray(), [0xef, 0xbf, 0xbd]];
        for (int i = 0; i < 20_000; i++)
        {
            byte[] bytes = i % 2 == 0
                ? [.. Enumerable.Range(0, random.Next(8)).SelectMany(_ => parts[random.Next(parts.Length)])]
                : [.. Enumerable.Range(0, random.Next(12)).Select(_ => (byte)random.Next(1, 256))];
            string text = ByteText.Of(bytes);
            Assert.Equal(bytes, ByteText.ToBytes(text));
            var request = new ControlRequest("examine", Paths: [text, "other"]);
            byte[] line = JsonSerializer.SerializeToUtf8Bytes(request, ControlJson.Default.ControlRequest);
            Assert.Equal(request.Paths, JsonSerializer.Deserialize(line, ControlJson.Default.ControlRequest)!.Paths);
            Assert.Equal(Encoding.UTF8.GetString(line), Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(line))));
        }
    }

    /// <summary>What Python's json and os.fsencode take, and any reader whose text is UTF-8 can at least read.</summary>
    [Fact]
    public void In_JSON_a_byte_that_is_no_UTF8_is_an_escape()
    {
        var change = new ChangeReport { Time = default, Kind = "stored", Path = ByteText.Of([.. "a\"\\\n"u8, 0xe9, .. "é"u8]) };
        string line = JsonSerializer.Serialize(change, ControlJson.Line.ChangeReport);
        Assert.Contains("""
            "path":"a\"\\\u000a\udce9é"
            """, line);
        Assert.Equal(change, JsonSerializer.Deserialize(line, ControlJson.Default.ChangeReport));
    }
}
