using Afs.Fuse.Mounting;

namespace Afs.Fuse.Tests.Mounts;

/// <summary>Lines of /proc/self/mountinfo.</summary>
public sealed class MountTableTests
{
    [Theory]
    [InlineData(@"36 35 0:98 / /mnt/a\040b\134\011 rw,noatime master:1 - fuse.venus host:/root rw", "/mnt/a b\\\t")]
    [InlineData(@"36 35 0:98 / /mnt/a\999\04 rw - fuse.venus host:/root rw", @"/mnt/a\999\04")]
    [InlineData("36 35 0:98 / - rw - fuse.venus host:/root rw", "-")]
    public void A_mount_point_is_read_with_its_escapes(string line, string mountPoint) => Assert.Equal(mountPoint, MountTable.Parse(line)?.MountPoint);

    [Theory]
    [InlineData("")]
    [InlineData("36 35")]
    [InlineData("36 35 0:98 / /mnt rw")]
    [InlineData("36 35 0:98 / /mnt rw - fuse.venus")]
    [InlineData("36 35 098 / /mnt rw - fuse.venus host rw")]
    public void What_is_no_line_of_it_is_none(string line) => Assert.Null(MountTable.Parse(line));
}
