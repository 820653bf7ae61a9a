using Afs.Venus.Cache;
using Afs.Wire;
using static Afs.Venus.Tests.TestChanges;

namespace Afs.Venus.Tests;

/// <summary>What of a batch is left out, and what goes with a refused change: against a model that applies changes.</summary>
public sealed class ChangeCoalescingTests
{
    private const ushort Cancelled = ChangeFate.Cancelled;

    private static readonly Fid A = Fid(20), B = Fid(21), Dir = Fid(22);

    /// <summary>Thousands of batches: what is sent makes the same volume as all would, to the last time.</summary>
    [Fact]
    public void WhatIsSent_MakesTheSameVolume_AsAllWouldHave()
    {
        int replaced = 0, cancelled = 0;
        for (int seed = 1; seed <= 4000; seed++)
        {
            var random = new Random(seed);
            (Change[] changes, int before, ChangeModel whole) = Make(random, random.Next(2, 30));
            Change[] batch = changes[before..];
            ushort[] fates = ChangeCoalescing.Decide(batch);
            var model = new ChangeModel();
            for (int i = 0; i < changes.Length; i++)
            {
                if (i < before || ChangeFate.IsSent(fates, i - before))
                    Assert.True(model.TryApply(changes[i], i), $"seed {seed}, change {i}");
            }
            Assert.True(whole.ToString() == model.ToString(), $"seed {seed}:\n{whole}\n\nis not\n\n{model}");
            replaced += Enumerable.Range(0, fates.Length).Count(place => fates[place] != place && fates[place] != Cancelled);
            cancelled += fates.Count(static fate => fate == Cancelled);
            Assert.All(Enumerable.Range(0, fates.Length).Where(place => fates[place] != place && fates[place] != Cancelled),
                place => Assert.True(ChangeFate.IsSent(fates, fates[place]) && batch[place].Object == batch[fates[place]].Object && batch[place].Caller == batch[fates[place]].Caller));
        }
        Assert.InRange(replaced, 500, int.MaxValue);
        Assert.InRange(cancelled, 500, int.MaxValue);
    }

    /// <summary>What is left when a change is refused, with all that needs it, can still be done; but for the removal of a directory that isn't empty now, which the server refuses in its turn.</summary>
    [Fact]
    public void WithoutARefusedChange_AndAllThatNeedIt_TheOthersCanBeDone()
    {
        int lost = 0, done = 0;
        for (int seed = 1; seed <= 4000; seed++)
        {
            var random = new Random(seed);
            (Change[] changes, _, _) = Make(random, random.Next(2, 30));
            LoggedChange[] logged = [.. changes.Select(static (change, i) => new LoggedChange(new ChangeNumber((ulong)i + 1), change, default, 0, 0, 0))];
            HashSet<ChangeNumber> refused = [logged[random.Next(logged.Length)].Number];
            while (true)
            {
                HashSet<ChangeNumber> dependants = [.. ChangeDependencies.OfRefused(logged, refused).Select(static change => change.Number)];
                Assert.Empty(dependants.Intersect(refused));
                var model = new ChangeModel();
                LoggedChange? failed = logged.Where(change => !refused.Contains(change.Number) && !dependants.Contains(change.Number))
                    .Select(static change => (LoggedChange?)change).FirstOrDefault(change => !model.TryApply(change!.Value.Change, (int)change.Value.Number.Value));
                (lost, done) = (lost + dependants.Count, done + logged.Length - dependants.Count);
                if (failed is null)
                    break;
                Assert.True(failed.Value.Change.Kind == ChangeKind.RemoveDirectory, $"seed {seed}: {failed.Value.Number} of {string.Join(',', refused)}");
                refused.Add(failed.Value.Number);
            }
        }
        Assert.InRange(lost, done / 50, done);
    }

    [Fact]
    public void ALaterStore_StandsForTheEarlier_UnlessSomethingBetweenIsAboutTheFile()
    {
        Assert.Equal([2, 1, 2], Fates(Store(A, 1), Store(B, 2), Store(A, 3)));
        Assert.Equal([2, 2, 2], Fates(Store(A, 1), Store(A, 2), Store(A, 3)));
        Assert.Equal([0, 1, 2], Fates(Store(A, 1), Rename(A, Root, "a", Root, "b"), Store(A, 3)));
        Assert.Equal([0, 1, 2], Fates(Store(A, 1), Rename(B, Root, "b", Root, "a", A), Store(A, 3)));
        Assert.Equal([0, 1, 2], Fates(Store(A, 1), Status(A, StatusFields.Mode), Store(A, 3)));
        Assert.Equal([0, 1], Fates(Store(A, 1), Store(A, 2) with { Caller = Bob }));
    }

    [Fact]
    public void ALaterStatus_StandsForTheEarlier_IfItSetsAllOfIt()
    {
        Assert.Equal([1, 1], Fates(Status(A, StatusFields.Mode), Status(A, StatusFields.Mode | StatusFields.ModifyTime)));
        Assert.Equal([0, 1], Fates(Status(A, StatusFields.Mode | StatusFields.Uid), Status(A, StatusFields.Mode)));
        Assert.Equal([0, 1, 2], Fates(Status(Dir, StatusFields.Mode), Create(A, Dir, "a"), Status(Dir, StatusFields.Mode)));
    }

    [Fact]
    public void WhatIsMadeAndRemoved_IsLeftOut_WithAllThatWasDoneToItAlone()
    {
        Assert.Equal([Cancelled, Cancelled, Cancelled, Cancelled, 4],
            Fates(Create(A, Root, "a"), Store(A, 1), Xattr(A, "x"), Remove(A, Root, "a"), Create(B, Root, "b")));
        Assert.Equal([0, 1], Fates(Create(A, Root, "a"), Remove(A, Root, "a"))); // The directory's times.
        Assert.Equal([0, 1, 2, 3], Fates(Create(A, Root, "a"), Link(A, Dir, "b"), Remove(A, Root, "a"), Create(B, Root, "b")));
        Assert.Equal([0, 1, 2], Fates(Create(A, Root, "a"), Remove(A, Root, "a") with { Caller = Bob }, Create(B, Root, "b")));
        Assert.Equal([0, 1, 2], Fates(Remove(A, Root, "a"), Create(A, Root, "a"), Create(B, Root, "b")));
    }

    [Fact]
    public void NothingIsLeftOut_AcrossAFence()
    {
        Assert.Equal([0, 1, 2], Fates(Store(A, 1), Store(B, 2) with { IsFence = true }, Store(A, 3)));
        Assert.Equal([0, 1], Fates(Store(A, 1), Store(A, 2) with { IsFence = true }));
        Assert.Equal([0, 1], Fates(Store(A, 1) with { IsFence = true }, Store(A, 2)));
        Assert.Equal([0, 1, 2, 3], Fates(Create(A, Root, "a"), Store(B, 1) with { IsFence = true }, Remove(A, Root, "a"), Create(B, Root, "b")));
    }

    [Fact]
    public void WhatIsWithdrawn_StandsForNothing() =>
        Assert.Equal([2, ChangeFate.Withdrawn, 2], ChangeCoalescing.Decide([Store(A, 1), null, Store(A, 3)]));

    [Fact]
    public void AChangeNeeds_WhatMadeItsObjects_AndTheLastOfItsObjectAndItsName()
    {
        var dependencies = new ChangeDependencies();
        Assert.Empty(dependencies.Add(new(1), Create(Dir, Root, "dir")));
        Assert.Equal([1UL], Add(2, Create(A, Dir, "a")));
        Assert.Equal([2UL], Add(3, Store(A, 1)));
        Assert.Empty(Add(4, Create(B, Root, "b")));
        Assert.Equal([1UL, 2UL, 3UL, 4UL], Add(5, Rename(B, Root, "b", Dir, "a", A)));
        Assert.Equal([5UL], Add(6, Create(Fid(30), Root, "b")));
        Assert.Equal([2UL, 5UL], Add(7, Store(A, 2)));

        ulong[] Add(ulong number, Change change) => [.. dependencies.Add(new(number), change).Select(static needed => needed.Value)];
    }

    private static ushort[] Fates(params Change[] changes) => ChangeCoalescing.Decide(changes);

    /// <summary>Changes that can be done one after the other; a batch begins at some of them.</summary>
    private static (Change[] Changes, int Before, ChangeModel Model) Make(Random random, int count)
    {
        var model = new ChangeModel();
        var changes = new Change[count];
        for (int i = 0; i < count; i++)
        {
            do
                changes[i] = model.Choose(random, i);
            while (!model.TryApply(changes[i], i)); // A directory that isn't empty.
        }
        return (changes, random.Next(count / 2), model);
    }
}
