using Afs.Fuse.Session;

namespace Afs.Fuse.Tests.Session;

/// <summary>Whether a thread is being killed, by the masks of proc_pid_status(5).</summary>
public sealed class CallerSignalsTests
{
    [Theory]
    [InlineData(true, "0000000000000100", "0000000000000000", "0000000000000000")] // SIGKILL
    [InlineData(true, "0000000000000004", "0000000000000000", "0000000000000000")] // SIGQUIT
    [InlineData(false, "0000000000000004", "0000000000000004", "0000000000000000")] // SIGQUIT, ignored
    [InlineData(false, "0000000000000004", "0000000000000000", "0000000000000004")] // SIGQUIT, caught
    [InlineData(false, "0000000000002000", "0000000000000000", "0000000000002000")] // SIGALRM, caught
    [InlineData(false, "0000000000000000", "0000000000000000", "0000000000000000")]
    [InlineData(false, "no mask", "", "")]
    public void A_thread_dies_of_what_it_neither_handles_nor_survives(bool isDying, string pending, string ignored, string caught) =>
        Assert.Equal(isDying, CallerSignals.IsDying(["Name:\tx", "SigPnd:\t" + pending, "ShdPnd:\t0000000000000000", "SigIgn:\t" + ignored, "SigCgt:\t" + caught]));

    [Fact]
    public void Who_is_gone_is_told_from_who_cannot_be_seen()
    {
        Assert.Equal(CallerState.Unknown, CallerSignals.Ask(0));
        Assert.Equal(CallerState.Dying, CallerSignals.Ask(uint.MaxValue));
        Assert.Equal(CallerState.Living, CallerSignals.Ask((uint)Environment.ProcessId));
    }
}
