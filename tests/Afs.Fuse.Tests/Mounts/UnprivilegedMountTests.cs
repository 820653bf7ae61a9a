using Afs.Fuse.Tests.Support;

namespace Afs.Fuse.Tests.Mounts;

/// <summary>An ordinary user mounts through fusermount3.</summary>
public sealed class UnprivilegedMountTests
{
    private const string AsNobody = "setpriv --reuid=65534 --regid=65534 --clear-groups env HOME=/tmp DOTNET_CLI_HOME=/tmp";

    /// <summary>
    /// In a mount namespace of its own, where /dev/fuse is one that everybody may open, as distributions have it.
    /// </summary>
    [Fact]
    public void A_user_mounts_uses_and_unmounts()
    {
        MountedHost.SkipUnlessMountsArePossible();
        Assert.SkipUnless(File.Exists("/usr/bin/fusermount3"), "fusermount3 is not installed");
        string host = MountedHost.HostPath("Afs.Fuse.TestHost.dll");
        Assert.SkipUnless(Shell.Run("/", $"{AsNobody} test -r '{host}'").ExitCode == 0, "an ordinary user can't read the test's binaries");
        string folder = Directory.CreateTempSubdirectory("afs-fuse-user-").FullName;
        try
        {
            string script = $$"""
                mknod {{folder}}/fuse c 10 229; chmod 666 {{folder}}/fuse; chmod 755 {{folder}}
                mount --bind {{folder}}/fuse /dev/fuse
                mkdir {{folder}}/mnt {{folder}}/t; chown 65534 {{folder}}/mnt {{folder}}/t; mkfifo {{folder}}/t/in; chown 65534 {{folder}}/t/in
                {{AsNobody}} dotnet '{{host}}' {{folder}}/mnt --private < {{folder}}/t/in > {{folder}}/t/out 2>&1 &
                exec 3> {{folder}}/t/in
                for i in $(seq 100); do grep -q ready {{folder}}/t/out && break; sleep 0.1; done
                {{AsNobody}} bash -c 'echo hello > {{folder}}/mnt/f && cat {{folder}}/mnt/f && stat -c %u {{folder}}/mnt/f'
                grep {{folder}}/mnt /proc/mounts | cut -d' ' -f3
                ls {{folder}}/mnt > /dev/null 2>&1 && echo "root may enter"
                exec 3>&-
                wait
                grep -c {{folder}}/mnt /proc/mounts
                cat {{folder}}/t/out
                """;
            string output = Shell.Run("/", $"unshare -m --propagation private bash <<'END'\n{script}\nEND").Output;
            Assert.Equal("hello\n65534\nfuse.memory\n0\nready", output);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
