using Afs.Wire;

namespace Afs.Shared.Tests.Wire;

public class ExtentsTests
{
    private const long Block = Limits.BlockBytes;

    [Fact]
    public void Extents_are_whole_blocks_in_order_within_the_content()
    {
        Assert.True(Extents.AreValid([], 0));
        Assert.True(Extents.AreValid([Of(0, Block), Of(3 * Block, Block + 7)], 4 * Block + 7));
        Assert.False(Extents.AreValid([], -1));
        Assert.False(Extents.AreValid([Of(Block, Block)], long.MinValue));
        Assert.False(Extents.AreValid([Of(1, Block)], 4 * Block));
        Assert.False(Extents.AreValid([Of(0, 7)], 4 * Block));
        Assert.False(Extents.AreValid([Of(0, 0)], 4 * Block));
        Assert.False(Extents.AreValid([Of(-Block, Block)], 4 * Block));
        Assert.False(Extents.AreValid([Of(0, 5 * Block)], 4 * Block));
        Assert.False(Extents.AreValid([Of(Block, Block), Of(0, Block)], 4 * Block));
        Assert.False(Extents.AreValid([Of(0, 2 * Block), Of(Block, Block)], 4 * Block));
        Assert.False(Extents.AreValid([Of(Block, long.MaxValue - Block + 1)], 4 * Block));
    }

    [Fact]
    public void Ranges_are_covered_by_the_blocks_that_they_touch()
    {
        Assert.Equal([Of(0, 2 * Block), Of(3 * Block, 5)], Extents.Cover([(10, 20), (Block - 1, Block + 1), (3 * Block + 1, 3 * Block + 2)], 3 * Block + 5));
        Assert.Empty(Extents.Cover([], 5));
    }

    [Fact]
    public void Too_many_ranges_become_fewer_that_cover_them_all()
    {
        const int Count = 3 * Limits.ExtentsPerContent;
        var random = new Random(3);
        List<(long Start, long End)> ranges = [];
        long at = 0;
        for (int i = 0; i < Count; i++, at += Block)
        {
            at += random.Next(1, 40) * Block;
            ranges.Add((at, at + 1));
        }
        IReadOnlyList<Extent> extents = Extents.Cover(ranges, at);
        Assert.InRange(extents.Count, 1, Limits.ExtentsPerContent);
        Assert.True(Extents.AreValid(extents, at));
        Assert.All(ranges, r => Assert.Contains(extents, e => e.OffsetBytes <= r.Start && r.End <= e.EndBytes));
    }

    private static Extent Of(long offset, long length) => new() { OffsetBytes = offset, LengthBytes = length };
}
