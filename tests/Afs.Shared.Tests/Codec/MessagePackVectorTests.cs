using System.Buffers;
using System.Globalization;
using Afs.Rpc;

namespace Afs.Shared.Tests.Codec;

/// <summary>Each kind of value has exactly these bytes.</summary>
public sealed class MessagePackVectorTests
{
    public static TheoryData<string, string, string> Values
    {
        get
        {
            var data = new TheoryData<string, string, string>();
            foreach (string[] row in Vectors.Read("messagepack.txt"))
                data.Add(row[0], row[1], row[2]);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Values))]
    public void WritesAndReadsTheseBytes(string kind, string value, string hex)
    {
        Assert.Equal(hex, Convert.ToHexStringLower(Write(kind, value)));
        Assert.Equal(value == "-" ? "" : value, Read(kind, Convert.FromHexString(hex)));
    }

    [Fact]
    public void ReadsAnyIntegerFormThatHoldsTheValue()
    {
        foreach (string hex in new[] { "05", "cc05", "cd0005", "ce00000005", "cf0000000000000005", "d005", "d10005", "d200000005", "d30000000000000005" })
        {
            Assert.Equal(5, new MessagePackReader(Convert.FromHexString(hex)).ReadByte());
            Assert.Equal(5, new MessagePackReader(Convert.FromHexString(hex)).ReadInt64());
        }
    }

    [Theory]
    [InlineData("cd0100", "byte")]
    [InlineData("ff", "byte")]
    [InlineData("d0ff", "ulong")]
    [InlineData("cfffffffffffffffff", "long")]
    [InlineData("ce80000000", "int")]
    [InlineData("d180", "int")]
    [InlineData("c0", "int")]
    [InlineData("ca00000000", "int")]
    [InlineData("c1", "int")]
    [InlineData("a161", "bytes")]
    [InlineData("c40161", "string")]
    [InlineData("a1ff", "string")]
    [InlineData("a3c0af61", "string")]
    [InlineData("d9ff61", "string")]
    [InlineData("dbffffffff61", "string")]
    [InlineData("c6ffffffff61", "bytes")]
    [InlineData("ddffffffff", "array")]
    [InlineData("dcffff01", "array")]
    [InlineData("01", "array")]
    [InlineData("02", "bool")]
    public void RefusesWhatIsWrong(string hex, string kind) =>
        Assert.Throws<MalformedMessageException>(() => ReadAs(kind, Convert.FromHexString(hex)));

    [Theory]
    [InlineData("9191919191919191919191919191919191")]
    [InlineData("8181818181818181818181818181818181")]
    public void NestingIsBounded(string hex) =>
        Assert.Throws<MalformedMessageException>(() => new MessagePackReader(Convert.FromHexString(hex + "00")).Skip());

    [Theory]
    [InlineData("93a161c4010292c0c3")]
    [InlineData("82a16101a16202")]
    [InlineData("d4010203")]
    [InlineData("c70301aabbcc")]
    [InlineData("cb0000000000000000")]
    public void SkipsAnyValue(string hex)
    {
        var reader = new MessagePackReader(Convert.FromHexString(hex + "07"));
        if (hex == "d4010203")
            reader = new MessagePackReader(Convert.FromHexString("d4010207"));
        reader.Skip();
        Assert.Equal(7, reader.ReadInt32());
        reader.RequireEnd();
    }

    private static byte[] Write(string kind, string value)
    {
        var output = new ArrayBufferWriter<byte>();
        var writer = new MessagePackWriter(output);
        switch (kind)
        {
            case "int": writer.Write(long.Parse(value, CultureInfo.InvariantCulture)); break;
            case "uint": writer.Write(ulong.Parse(value, CultureInfo.InvariantCulture)); break;
            case "nil": writer.WriteNil(); break;
            case "bool": writer.Write(value == "true"); break;
            case "string": writer.Write(value == "-" ? "" : value, 100); break;
            case "bytes": writer.Write(value == "-" ? [] : Convert.FromHexString(value), 100); break;
            case "array": writer.WriteArrayHeader(int.Parse(value, CultureInfo.InvariantCulture)); break;
        }

        writer.Flush();
        return output.WrittenSpan.ToArray();
    }

    private static string Read(string kind, byte[] bytes)
    {
        var reader = new MessagePackReader(kind == "array" ? [.. bytes, .. new byte[65536]] : bytes);
        return kind switch
        {
            "int" => reader.ReadInt64().ToString(CultureInfo.InvariantCulture),
            "uint" => reader.ReadUInt64().ToString(CultureInfo.InvariantCulture),
            "nil" => reader.TryReadNil() ? "" : "not nil",
            "bool" => reader.ReadBoolean() ? "true" : "false",
            "string" => reader.ReadString(100),
            "bytes" => Convert.ToHexStringLower(reader.ReadBytes(100)),
            _ => reader.BeginList(100_000).ToString(CultureInfo.InvariantCulture),
        };
    }

    private static void ReadAs(string kind, byte[] bytes)
    {
        var reader = new MessagePackReader(bytes);
        switch (kind)
        {
            case "byte": reader.ReadByte(); break;
            case "int": reader.ReadInt32(); break;
            case "long": reader.ReadInt64(); break;
            case "ulong": reader.ReadUInt64(); break;
            case "bool": reader.ReadBoolean(); break;
            case "string": reader.ReadString(100); break;
            case "bytes": reader.ReadBytes(100); break;
            default: reader.BeginList(100_000); break;
        }
    }
}
