using Afs.Rpc;
using Afs.Venus.Callbacks;

namespace Afs.Venus.Tests;

public class ServerTrustTests
{
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(10);

    private readonly FakeTime _time = new();
    private readonly ServerTrust _trust;
    private readonly List<SuspectReason> _lost = [];

    public ServerTrustTests()
    {
        _trust = new ServerTrust(_time);
        _trust.Lost += _lost.Add;
        _trust.Established(new SessionId(1), new Epoch(1), Lease, 0);
        _trust.Replied(new Epoch(1), 0, _time.GetTimestamp());
    }

    [Fact]
    public void TheFirstSession_LosesNothing() => Assert.Empty(_lost);

    [Fact]
    public void TheLeaseCountsFromBeforeTheRequestWasSent()
    {
        long sent = _time.GetTimestamp();
        uint generation = _trust.Generation;
        _time.Advance(TimeSpan.FromSeconds(8));
        _trust.Replied(new Epoch(1), 0, sent);
        _time.Advance(TimeSpan.FromSeconds(2) - TimeSpan.FromTicks(1));
        Assert.True(_trust.Holds(generation));
        _time.Advance(TimeSpan.FromTicks(1));
        Assert.False(_trust.Holds(generation));
    }

    [Fact]
    public void AReplyAfterTheLeaseEnded_MakesWhatWasBeforeSuspect()
    {
        uint before = _trust.Generation;
        _time.Advance(Lease);
        _trust.Replied(new Epoch(1), 0, _time.GetTimestamp());
        Assert.Equal([SuspectReason.LeaseEnded], _lost);
        Assert.False(_trust.Holds(before));
        Assert.True(_trust.Holds(_trust.Generation));
    }

    [Fact]
    public void AnOlderReplyNeverShortensTheLease()
    {
        long early = _time.GetTimestamp();
        _time.Advance(TimeSpan.FromSeconds(5));
        _trust.Replied(new Epoch(1), 0, _time.GetTimestamp());
        _trust.Replied(new Epoch(1), 0, early);
        _time.Advance(TimeSpan.FromSeconds(9));
        Assert.True(_trust.LeaseRuns);
    }

    [Fact]
    public void NoticingTheEnd_TellsOnce()
    {
        _time.Advance(Lease);
        _trust.NoticeLeaseEnd();
        _trust.NoticeLeaseEnd();
        Assert.Equal([SuspectReason.LeaseEnded], _lost);
    }

    [Theory]
    [InlineData(1, 1, 0, null)]
    [InlineData(1, 1, 1, SuspectReason.ServerReset)]
    [InlineData(2, 1, 0, SuspectReason.NewSession)]
    [InlineData(1, 2, 0, SuspectReason.ServerRestarted)]
    public void Reconnecting_KeepsPromises_OnlyInTheSameSessionEpochAndCount(ulong session, ulong epoch, ulong resets, SuspectReason? reason)
    {
        uint before = _trust.Generation;
        _trust.Established(new SessionId(session), new Epoch(epoch), Lease, resets);
        Assert.Equal(reason is null, _trust.Holds(before));
        Assert.Equal(reason is null ? [] : [reason!.Value], _lost);
    }

    [Theory]
    [InlineData(1, 1, SuspectReason.ServerReset)]
    [InlineData(2, 0, SuspectReason.ServerRestarted)]
    public void AReplyThatTellsOfALoss_EndsTheGeneration(ulong epoch, ulong resets, SuspectReason reason)
    {
        uint before = _trust.Generation;
        _trust.Replied(new Epoch(epoch), resets, _time.GetTimestamp());
        Assert.Equal([reason], _lost);
        Assert.False(_trust.Holds(before));
    }

    [Fact]
    public void AReplyOfAnEarlierEpoch_SaysNothing()
    {
        _trust.Established(new SessionId(1), new Epoch(2), Lease, 0);
        _lost.Clear();
        _trust.Replied(new Epoch(1), 7, _time.GetTimestamp());
        Assert.Empty(_lost);
        Assert.False(_trust.LeaseRuns);
    }
}
