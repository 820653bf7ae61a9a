using Afs.Rpc;

namespace Afs.Shared.Tests.Wire;

/// <summary>Every message of the contract: there and back, cut anywhere, changed anywhere.</summary>
public sealed class WireMessageTests
{
    public static TheoryData<string> Names => [.. WireMessageTypes.All.Select(type => type.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void ThereAndBackIsTheSameBytes(string name)
    {
        Type type = TypeOf(name);
        var random = new RandomMessage(new Random(1));
        for (int i = 0; i < 50; i++)
        {
            byte[] bytes = WireMessageTypes.Encode(random.Of(type));
            Assert.Equal(bytes, WireMessageTypes.Encode(WireMessageTypes.Decode(type, bytes)));
        }
    }

    /// <summary>A shorter array is an older version's message, so only cuts of the bytes are refused.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void EveryCutIsRefusedAndNothingElseIsThrown(string name)
    {
        Type type = TypeOf(name);
        byte[] bytes = WireMessageTypes.Encode(new RandomMessage(new Random(2)).Of(type));
        for (int length = 0; length < bytes.Length; length++)
            Assert.Throws<MalformedMessageException>(() => WireMessageTypes.Decode(type, bytes[..length]));
        Assert.Throws<MalformedMessageException>(() => WireMessageTypes.Decode(type, [.. bytes, 0]));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void ChangedBytesAreReadOrRefused(string name)
    {
        Type type = TypeOf(name);
        var random = new Random(3);
        var messages = new RandomMessage(random);
        for (int i = 0; i < 500; i++)
        {
            byte[] bytes = WireMessageTypes.Encode(messages.Of(type));
            for (int changes = random.Next(1, 4); changes > 0; changes--)
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            try
            {
                object read = WireMessageTypes.Decode(type, bytes);
                byte[] again = WireMessageTypes.Encode(read);
                Assert.Equal(again, WireMessageTypes.Encode(WireMessageTypes.Decode(type, again)));
            }
            catch (MalformedMessageException e)
            {
                Assert.NotEmpty(e.Message);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void ElementsOfALaterVersionAreSkipped(string name)
    {
        Type type = TypeOf(name);
        byte[] bytes = WireMessageTypes.Encode(new RandomMessage(new Random(4)).Of(type));
        int count = bytes[0] == 0xdc ? (bytes[1] << 8) | bytes[2] : bytes[0] & 0x0f;
        int head = bytes[0] == 0xdc ? 3 : 1;
        byte[] later = [0xdc, (byte)((count + 2) >> 8), (byte)(count + 2), .. bytes[head..], 0x92, 0xa1, 0x61, 0xc0, 0xc3];
        Assert.Equal(bytes, WireMessageTypes.Encode(WireMessageTypes.Decode(type, later)));
    }

    private static Type TypeOf(string name) => WireMessageTypes.All.Single(type => type.Name == name);
}
