using Afs.Fuse.Tests.Support;

namespace Afs.Fuse.Tests.Mounts;

/// <summary>What the kernel shows before and after it was told. It may believe names and attributes for an hour.</summary>
public sealed class NotificationTests
{
    [Fact]
    public void A_replaced_name_is_seen_after_it_was_expired()
    {
        using MountedHost host = WithOldContent();
        Assert.Equal("old", host.Run("cat f"));
        Assert.Equal("None", host.Ask("expire-entry f"));
        Assert.Equal("new", host.Run("cat f"));
    }

    [Fact]
    public void A_replaced_name_is_seen_after_a_new_epoch()
    {
        using MountedHost host = WithOldContent();
        Assert.Equal("3", host.Run("stat -c %s f"));
        string answer = host.Ask("epoch");
        Assert.SkipWhen(answer == "ENOSYS", "the kernel is older than 6.16");
        Assert.Equal("None", answer);
        Assert.Equal("new", host.Run("cat f"));
    }

    [Fact]
    public void A_name_that_was_not_there_is_seen_after_it_was_expired()
    {
        using var host = new MountedHost();
        Assert.Equal(1, Shell.Run(host.MountPoint, "cat late").ExitCode);
        host.Ask("replace late here");
        Assert.Equal(1, Shell.Run(host.MountPoint, "cat late").ExitCode);
        Assert.Equal("None", host.Ask("expire-entry late"));
        Assert.Equal("here", host.Run("cat late"));
    }

    [Fact]
    public void What_the_kernel_does_not_know_is_ENOENT()
    {
        using var host = new MountedHost();
        Assert.Equal("ENOENT", host.Ask("expire-entry nothing"));
        Assert.Equal("ENOENT", host.Ask("invalidate-node 4711"));
    }

    /// <summary>The kernel knows f with the content "old"; behind its back it is another file, with "new".</summary>
    private static MountedHost WithOldContent()
    {
        var host = new MountedHost();
        host.Run("printf old > f && cat f");
        host.Ask("replace f new");
        Assert.Equal("old", host.Run("cat f"));
        return host;
    }
}
