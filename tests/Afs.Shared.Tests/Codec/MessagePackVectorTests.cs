using System.Globalization;
using Afs.Rpc;

namespace Afs.Shared.Tests.Codec;

/// <summary>Each kind of value has exactly these bytes. A value travels as the only field of a message: 0x91, and the bytes.</summary>
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
        byte[] bytes = Write(kind, value);
        Assert.Equal("91" + hex, Convert.ToHexStringLower(kind == "array" ? bytes.AsSpan(0, 1 + hex.Length / 2) : bytes));
        Assert.Equal(value == "-" ? "" : value, Read(kind, bytes));
    }

    [Fact]
    public void ReadsAnyIntegerFormThatHoldsTheValue()
    {
        foreach (string hex in new[] { "05", "cc05", "cd0005", "ce00000005", "cf0000000000000005", "d005", "d10005", "d200000005", "d30000000000000005" })
        {
            Assert.Equal(5, Field<ByteField>(hex).Value);
            Assert.Equal(5, Field<LongField>(hex).Value);
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
    [InlineData("c0", "bytes")]
    [InlineData("c40161", "string")]
    [InlineData("c0", "string")]
    [InlineData("a1ff", "string")]
    [InlineData("a3c0af61", "string")]
    [InlineData("d9ff61", "string")]
    [InlineData("dbffffffff61", "string")]
    [InlineData("c6ffffffff61", "bytes")]
    [InlineData("ddffffffff", "array")]
    [InlineData("dcffff01", "array")]
    [InlineData("01", "array")]
    [InlineData("02", "bool")]
    [InlineData("", "bool")]
    public void RefusesWhatIsWrong(string hex, string kind) => Assert.Throws<MalformedMessageException>(() =>
    {
        switch (kind)
        {
            case "byte": Field<ByteField>(hex); break;
            case "int": Field<IntField>(hex); break;
            case "long": Field<LongField>(hex); break;
            case "ulong": Field<ULongField>(hex); break;
            case "bool": Field<BoolField>(hex); break;
            case "string": Field<StringField>(hex); break;
            case "bytes": Field<BytesField>(hex); break;
            default: Field<ListField>(hex); break;
        }
    });

    [Theory]
    [InlineData("9191919191919191919191919191919191")]
    [InlineData("81078107810781078107810781078107810781078107810781078107810781078107")]
    public void NestingIsBounded(string hex) =>
        Assert.Contains("nesting", Assert.Throws<MalformedMessageException>(() => SkipBefore(hex + "00")).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("93a161c4010292c0c3")]
    [InlineData("82a16101a16202")]
    [InlineData("d40102")]
    [InlineData("c70301aabbcc")]
    [InlineData("cb0000000000000000")]
    public void SkipsAnyValue(string hex) => Assert.Equal(7, SkipBefore(hex));

    [Theory]
    [InlineData("c70301aabb")]
    [InlineData("df00ffffff")]
    [InlineData("ddffffffff")]
    [InlineData("c1")]
    public void SkipsNothingThatIsNotThere(string hex) => Assert.Throws<MalformedMessageException>(() => SkipBefore(hex));

    private static T Field<T>(string hex)
        where T : IWireMessage<T> => WireCodec.FromBytes<T>(Convert.FromHexString("91" + hex));

    /// <summary>Reads the field behind one that is retired.</summary>
    private static int SkipBefore(string hex) => WireCodec.FromBytes<LaterField>(Convert.FromHexString("92" + hex + "07")).Value;

    private static byte[] Write(string kind, string value) => kind switch
    {
        "int" => WireCodec.ToBytes(new LongField(long.Parse(value, CultureInfo.InvariantCulture))),
        "uint" => WireCodec.ToBytes(new ULongField(ulong.Parse(value, CultureInfo.InvariantCulture))),
        "nil" => WireCodec.ToBytes(new NullableField(null)),
        "bool" => WireCodec.ToBytes(new BoolField(value == "true")),
        "string" => WireCodec.ToBytes(new StringField(value == "-" ? "" : value)),
        "bytes" => WireCodec.ToBytes(new BytesField(value == "-" ? [] : Convert.FromHexString(value))),
        _ => WireCodec.ToBytes(new ListField(new int[int.Parse(value, CultureInfo.InvariantCulture)])),
    };

    private static string Read(string kind, byte[] bytes) => kind switch
    {
        "int" => WireCodec.FromBytes<LongField>(bytes).Value.ToString(CultureInfo.InvariantCulture),
        "uint" => WireCodec.FromBytes<ULongField>(bytes).Value.ToString(CultureInfo.InvariantCulture),
        "nil" => WireCodec.FromBytes<NullableField>(bytes).Value is null ? "" : "not nil",
        "bool" => WireCodec.FromBytes<BoolField>(bytes).Value ? "true" : "false",
        "string" => WireCodec.FromBytes<StringField>(bytes).Value,
        "bytes" => Convert.ToHexStringLower(WireCodec.FromBytes<BytesField>(bytes).Value),
        _ => WireCodec.FromBytes<ListField>(bytes).Value.Count.ToString(CultureInfo.InvariantCulture),
    };
}

[WireMessage]
public sealed partial record ByteField([property: Key(0)] byte Value);

[WireMessage]
public sealed partial record IntField([property: Key(0)] int Value);

[WireMessage]
public sealed partial record LongField([property: Key(0)] long Value);

[WireMessage]
public sealed partial record ULongField([property: Key(0)] ulong Value);

[WireMessage]
public sealed partial record BoolField([property: Key(0)] bool Value);

[WireMessage]
public sealed partial record NullableField([property: Key(0)] int? Value);

[WireMessage]
public sealed partial record StringField([property: Key(0), Limit(100)] string Value);

[WireMessage]
public sealed partial record BytesField([property: Key(0), Limit(100)] byte[] Value);

[WireMessage]
public sealed partial record ListField([property: Key(0), Limit(100_000)] IReadOnlyList<int> Value);

[WireMessage]
public sealed partial record LaterField([property: Key(1)] int Value);
