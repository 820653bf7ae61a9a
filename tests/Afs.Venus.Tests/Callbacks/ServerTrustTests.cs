using Afs.Rpc;
using Afs.Venus.Callbacks;

namespace Afs.Venus.Tests;

public class ServerTrustTests
{
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(10);

    private readonly FakeTime _time = new();
    private readonly ServerTrust _trust;
    private readonly List<SuspectReason> _lost = [];
    private ulong _resets;

    public ServerTrustTests()
    {
        _trust = new ServerTrust(_time);
        _trust.Lost += _lost.Add;
        _trust.Established(new SessionId(1), new Epoch(1), Lease, default);
        _trust.Replied(new Epoch(1), default, _time.GetTimestamp());
    }

    [Fact]
    public void TheFirstSession_LosesNothing() => Assert.Empty(_lost);

    [Fact]
    public void TheLeaseCountsFromBeforeTheRequestWasSent()
    {
        long sent = _time.GetTimestamp();
        uint generation = _trust.Generation;
        _time.Advance(TimeSpan.FromSeconds(8));
        _trust.Replied(new Epoch(1), default, sent);
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
        _trust.Replied(new Epoch(1), default, _time.GetTimestamp());
        Assert.Equal([SuspectReason.LeaseEnded], _lost);
        Assert.False(_trust.Holds(before));
        Assert.True(_trust.Holds(_trust.Generation));
    }

    [Fact]
    public void AnOlderReplyNeverShortensTheLease()
    {
        long early = _time.GetTimestamp();
        _time.Advance(TimeSpan.FromSeconds(5));
        _trust.Replied(new Epoch(1), default, _time.GetTimestamp());
        _trust.Replied(new Epoch(1), default, early);
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
        _trust.Established(new SessionId(session), new Epoch(epoch), Lease, new SessionTrust(resets));
        Assert.Equal(reason is null, _trust.Holds(before));
        Assert.Equal(reason is null ? [] : [reason!.Value], _lost);
    }

    [Theory]
    [InlineData(1, 1, SuspectReason.ServerReset)]
    [InlineData(2, 0, SuspectReason.ServerRestarted)]
    public void AReplyThatTellsOfALoss_EndsTheGeneration(ulong epoch, ulong resets, SuspectReason reason)
    {
        uint before = _trust.Generation;
        _trust.Replied(new Epoch(epoch), new SessionTrust(resets), _time.GetTimestamp());
        Assert.Equal([reason], _lost);
        Assert.False(_trust.Holds(before));
    }

    [Fact]
    public void AReplyOfAnEarlierEpoch_SaysNothing()
    {
        _trust.Established(new SessionId(1), new Epoch(2), Lease, default);
        _lost.Clear();
        _trust.Replied(new Epoch(1), new SessionTrust(7), _time.GetTimestamp());
        Assert.Empty(_lost);
        Assert.False(_trust.LeaseRuns);
    }

    [Fact]
    public void WithoutPromises_AStatusHoldsForOperationsThatBeganBeforeItWasAskedFor()
    {
        uint promised = _trust.Mark();
        Reply(isWithoutPromises: true);
        Assert.Equal([SuspectReason.ServerReset], _lost);
        Assert.False(_trust.Holds(promised));
        Assert.False(_trust.LeaseRuns);

        _trust.BeginOperation();
        uint asked = _trust.Mark();
        Reply(isWithoutPromises: true);
        Assert.True(_trust.Holds(asked));
        Assert.False(_trust.MayBeKept);

        _trust.BeginOperation();
        Assert.False(_trust.Holds(asked));
        Assert.True(_trust.Holds(_trust.Mark()));
        Assert.Single(_lost);
    }

    [Fact]
    public void WithoutPromises_TheOperationsOfOthersDontEndWhatOneAskedFor()
    {
        Reply(isWithoutPromises: true);
        _trust.BeginOperation();
        uint asked = _trust.Mark();
        InAnotherFlow(() =>
        {
            _trust.BeginOperation();
            Assert.False(_trust.Holds(asked));
            _trust.Mark();
        });
        Assert.True(_trust.Holds(asked));
    }

    [Fact]
    public void PromisedAgain_NothingFromBeforeHolds_AndNobodyKeepsWhatAnOperationFoundThatBeganBefore()
    {
        Reply(isWithoutPromises: true);
        _trust.BeginOperation();
        uint asked = _trust.Mark();
        Reply(isWithoutPromises: false);
        Assert.Equal([SuspectReason.ServerReset, SuspectReason.ServerReset], _lost);
        Assert.False(_trust.Holds(asked));
        Assert.True(_trust.LeaseRuns);
        Assert.False(_trust.MayBeKept);
        _trust.BeginOperation();
        Assert.True(_trust.MayBeKept);
        Assert.True(_trust.Holds(_trust.Mark()));
    }

    private void Reply(bool isWithoutPromises)
    {
        if (isWithoutPromises != _trust.IsWithoutPromises)
            _resets++;
        _trust.Replied(new Epoch(1), new SessionTrust(_resets, isWithoutPromises), _time.GetTimestamp());
        _trust.CheckInvariants();
    }

    private static void InAnotherFlow(Action run) => ExecutionContext.Run(ExecutionContext.Capture()!, _ => run(), null);
}
