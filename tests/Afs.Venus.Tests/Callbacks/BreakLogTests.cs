using Afs.Venus.Callbacks;
using Afs.Wire;

namespace Afs.Venus.Tests;

public class BreakLogTests
{
    private static readonly Fid A = new(new(1), new(1), new(1)), B = new(new(1), new(2), new(1));

    [Fact]
    public void OnlyTheFidThatWasBrokenSince_HasMoved()
    {
        var log = new BreakLog();
        ulong before = log.Sequence;
        log.Note(A);
        ulong after = log.Sequence;
        Assert.True(log.HasMoved(A, before));
        Assert.False(log.HasMoved(A, after));
        Assert.False(log.HasMoved(B, before));
    }

    [Fact]
    public void WhatIsForgotten_CountsAsBroken()
    {
        var log = new BreakLog(capacity: 4);
        ulong before = log.Sequence;
        for (uint i = 0; i < 5; i++)
            log.Note(new(new(1), new(100 + i), new(1)));
        Assert.True(log.HasMoved(A, before), "A break of A could have been among the forgotten.");
        Assert.False(log.HasMoved(A, log.Sequence));
    }

    [Fact]
    public void AFidBrokenAgain_OutlivesItsFirstEntry()
    {
        var log = new BreakLog(capacity: 2);
        log.Note(A);
        ulong before = log.Sequence;
        log.Note(A);
        log.Note(B);
        Assert.True(log.HasMoved(A, before));
    }

    [Fact]
    public void All_BreaksEverything()
    {
        var log = new BreakLog();
        ulong before = log.Sequence;
        log.NoteAll();
        Assert.True(log.HasMoved(A, before));
        Assert.False(log.HasMoved(A, log.Sequence));
    }

    [Fact]
    public void WhileAPromiseIsGivenUp_AndForCallsSentMeanwhile_NoneIsAccepted()
    {
        var log = new BreakLog();
        log.Hold([A]);
        log.Hold([A]);
        ulong during = log.Sequence;
        Assert.True(log.HasMoved(A, during));
        log.Release([A]);
        Assert.True(log.HasMoved(A, log.Sequence));
        log.Release([A]);
        Assert.True(log.HasMoved(A, during));
        Assert.False(log.HasMoved(A, log.Sequence));
    }
}
