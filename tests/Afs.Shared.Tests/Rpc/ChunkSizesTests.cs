using Afs.Rpc;

namespace Afs.Shared.Tests.Rpc;

/// <summary>How long the chunks of a bulk transfer are.</summary>
public sealed class ChunkSizesTests
{
    private const int KiB = 1024;

    [Fact]
    public void TheyGrowToTheMostAndEachBeginsAtAMultipleOfItsLength()
    {
        var time = new VirtualTimeProvider();
        var chunks = new ChunkSizes(new RpcLimits(), time);
        var lengths = new List<int>();
        for (long offset = 0; offset < 4096 * KiB; offset += lengths[^1])
        {
            lengths.Add(chunks.NextBytes(offset));
            Assert.Equal(0, offset % lengths[^1]);
        }

        Assert.Equal([64 * KiB, 64 * KiB, 128 * KiB, 256 * KiB, 512 * KiB, 1024 * KiB, 1024 * KiB, 1024 * KiB], lengths);
    }

    [Theory]
    [InlineData(40, 64)]
    [InlineData(300, 256)]
    [InlineData(2000, 1024)]
    public void NoneIsLongerThanWhatTheLineTakesInASecond(int kibPerSecond, int expectedKiB)
    {
        var time = new VirtualTimeProvider();
        var chunks = new ChunkSizes(new RpcLimits(), time);
        time.Advance(TimeSpan.FromSeconds(64.0 * 1024 / kibPerSecond));
        Assert.Equal(expectedKiB * KiB, chunks.NextBytes(64 * 1024 * KiB));
    }

    [Fact]
    public void AfterAnOddPieceTheyAreTheShortest() => Assert.Equal(64 * KiB, new ChunkSizes(new RpcLimits(), new VirtualTimeProvider()).NextBytes((1024 * KiB) + 1));
}
