using Afs.Vice.Callbacks;
using Afs.Wire;

namespace Afs.Vice.Tests;

public class PromiseTableTests
{
    private static Fid FidOf(int i) => new(new VolumeId(1), new VnodeNumber((ulong)i), new Uniquifier(3));

    /// <summary>Random operations against a plain dictionary.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Does_what_a_dictionary_does(int seed)
    {
        var random = new Random(seed);
        var table = new PromiseTable(100_000);
        Dictionary<(int Holder, Fid Fid), uint> model = [];
        for (int i = 0; i < 20_000; i++)
        {
            (int holder, Fid fid) = (random.Next(20), FidOf(random.Next(300)));
            switch (random.Next(10))
            {
                case < 5:
                    Assert.True(table.TryGrant(holder, fid, []));
                    model[(holder, fid)] = 0;
                    break;
                case 5:
                    table.GiveUp(holder, fid);
                    if (model.GetValueOrDefault((holder, fid)) == 0)
                        model.Remove((holder, fid));
                    break;
                case 6:
                    List<HeldPromise> held = [];
                    table.Collect(fid, holder, held);
                    Assert.Equal(model.Keys.Where(k => k.Fid == fid && k.Holder != holder).Select(k => k.Holder).Order(), held.Select(h => h.Holder).Order());
                    held.ForEach(h => model[(h.Holder, h.Fid)] = h.Ticket);
                    break;
                case 7 when model.Count > 0:
                    ((int h2, Fid f2), uint ticket) = model.ElementAt(random.Next(model.Count));
                    table.Acknowledge(new HeldPromise(h2, f2, ticket == 0 ? 12345u : ticket));
                    if (ticket != 0)
                        model.Remove((h2, f2));
                    break;
                case 8 when random.Next(50) == 0:
                    while (table.DropSome(holder, 7))
                    {
                    }
                    model.Keys.Where(k => k.Holder == holder).ToList().ForEach(k => model.Remove(k));
                    break;
                default:
                    Assert.Equal(model.ContainsKey((holder, fid)), table.IsHeld(holder, fid));
                    break;
            }
            if (i % 1000 == 0)
                table.CheckInvariants();
        }
        Assert.Equal(model.Count, table.Count);
        Assert.All(Enumerable.Range(0, 30), holder => Assert.Equal(model.Keys.Count(k => k.Holder == holder), table.CountOf(holder)));
    }

    [Fact]
    public void Past_the_capacity_the_oldest_are_broken_and_stay_until_acknowledged()
    {
        var table = new PromiseTable(1000);
        List<HeldPromise> evicted = [];
        for (int i = 0; i < 1000; i++)
            Assert.True(table.TryGrant(0, FidOf(i), evicted));
        Assert.Empty(evicted);
        table.TryGrant(0, FidOf(0), evicted);
        Assert.True(table.TryGrant(0, FidOf(5000), evicted));
        Assert.Equal(Enumerable.Range(1, PromiseTable.EvictionBatch).Select(FidOf), evicted.Select(e => e.Fid));
        Assert.True(table.IsHeld(0, FidOf(1)));
        evicted.ForEach(table.Acknowledge);
        Assert.False(table.IsHeld(0, FidOf(1)));
        Assert.Equal(1001 - PromiseTable.EvictionBatch, table.Count);
        table.CheckInvariants();
    }

    [Fact]
    public void Who_holds_the_most_makes_room_and_nobody_else()
    {
        var table = new PromiseTable(10_000);
        List<HeldPromise> evicted = [];
        for (int i = 0; i < 1000; i++)
            Assert.True(table.TryGrant(1, FidOf(i), evicted));
        for (int i = 0; i < 50_000; i++)
        {
            Assert.True(table.TryGrant(2, FidOf(10_000 + i), evicted));
            evicted.ForEach(table.Acknowledge);
            Assert.DoesNotContain(evicted, static held => held.Holder == 1);
            evicted.Clear();
        }
        Assert.Equal(1000, table.CountOf(1));
        Assert.InRange(table.Count, 9000, 10_000);
        table.CheckInvariants();
    }

    [Fact]
    public void A_promise_that_is_granted_again_while_it_is_broken_counts_again()
    {
        var table = new PromiseTable(2);
        List<HeldPromise> evicted = [];
        table.TryGrant(0, FidOf(1), evicted);
        table.Collect(FidOf(1), except: 1, evicted);
        evicted.Clear();
        table.TryGrant(0, FidOf(2), evicted);
        table.TryGrant(0, FidOf(3), evicted);
        Assert.Empty(evicted);
        table.TryGrant(0, FidOf(1), evicted);
        Assert.Equal([FidOf(2), FidOf(3)], evicted.Select(e => e.Fid));
        Assert.True(table.IsHeld(0, FidOf(1)));
        table.CheckInvariants();
    }

    [Fact]
    public void When_nothing_is_acknowledged_there_is_an_end_to_it()
    {
        var table = new PromiseTable(1000);
        List<HeldPromise> evicted = [];
        int granted = 0;
        while (granted < 10_000 && table.TryGrant(0, FidOf(granted), evicted))
            granted++;
        Assert.InRange(granted, 1001, 3000);
        table.CheckInvariants();
    }

    [Fact]
    public void A_million_promises_stay_below_150_megabytes()
    {
        long before = GC.GetTotalMemory(forceFullCollection: true);
        var table = new PromiseTable(1_000_000);
        List<HeldPromise> evicted = [];
        for (int i = 0; i < 1_000_000; i++)
            table.TryGrant(i % 100, FidOf(i), evicted);
        long used = GC.GetTotalMemory(forceFullCollection: true) - before;
        Assert.Equal(1_000_000, table.Count);
        Assert.InRange(used, 0, 150_000_000);
        GC.KeepAlive(table);
    }
}
