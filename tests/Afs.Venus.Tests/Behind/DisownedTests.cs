using Afs.Venus.Cache;
using Afs.Venus.Callbacks;
using Afs.Wire;
using static Afs.Venus.Tests.TestChanges;

namespace Afs.Venus.Tests;

/// <summary>What is cached of a change that was refused goes, and comes back by no reply that was on its way.</summary>
public sealed class DisownedTests
{
    private readonly BreakLog _breaks = new();
    private readonly VnodeTable _table;

    public DisownedTests() => _table = new VnodeTable(mostVnodes: 1000, mostTargetBytes: 1 << 20, _breaks, static _ => { });

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AReplyFromBefore_BringsNoVersionBackThatNeverWas(bool isInUse)
    {
        Fid fid = Fid(7);
        if (isInUse)
            _table.Retain(fid);
        _table.Grant(BehindVolume.Status(fid, 4), Mark);
        CallMark before = Mark;
        Disown(fid);
        _table.Grant(BehindVolume.Status(fid, 5), before);
        _table.Keep(BehindVolume.Status(fid, 6), before);
        Assert.True(_table.IsDisowned(fid, before));
        Assert.False(_table.IsDisowned(fid, Mark));
        Assert.Equal(4UL, _table.Grant(BehindVolume.Status(fid, 4), Mark).StatusVersion.Value); // As the server has it.
        Assert.True(_table.TryRead(fid, out FetchStatus? status, out uint promised, out _));
        Assert.Equal((4UL, 1u), (status.StatusVersion.Value, promised));
        _table.CheckInvariants();
    }

    [Fact]
    public void ARemovalThatWasRefused_LeavesTheVnodeToThoseWhoHaveItInUse()
    {
        Fid fid = Fid(7);
        _table.Retain(fid);
        _table.Grant(BehindVolume.Status(fid, 4), Mark);
        _table.Remove(fid);
        Disown(fid);
        _table.Grant(BehindVolume.Status(fid, 4), Mark);
        Assert.True(_table.TryRead(fid, out _, out _, out bool isRemoved));
        Assert.False(isRemoved);
    }

    [Fact]
    public void HoweverMany_NoneComesBack()
    {
        CallMark before = Mark;
        for (int i = 1; i <= 200_000; i++)
            Disown(Fid(i));
        for (int i = 1; i <= 200_000; i += 1000)
            Assert.True(_table.IsDisowned(Fid(i), before));
        Assert.False(_table.IsDisowned(Fid(1), Mark));
    }

    private CallMark Mark => new(1, _breaks.Sequence);

    private void Disown(Fid fid)
    {
        _breaks.Note(fid);
        _table.Break(fid);
        _table.Disown(fid);
    }
}
