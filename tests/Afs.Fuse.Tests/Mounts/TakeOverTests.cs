using Afs.Fuse.Tests.Support;

namespace Afs.Fuse.Tests.Mounts;

/// <summary>A mount that outlives the process that made it, because another holds the descriptor and starts a successor.</summary>
public sealed class TakeOverTests
{
    /// <summary>Holds the descriptor (pidfd_getfd, system call 438), kills the first process, and starts the second.</summary>
    private const string Keeper = """
        import ctypes, os, signal, subprocess, sys, time
        pid, number, host, mnt, connection = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5]
        fd = ctypes.CDLL(None, use_errno=True).syscall(438, os.pidfd_open(pid), number, 0)
        assert fd >= 0, ctypes.get_errno()
        os.set_inheritable(fd, True)
        stalled = subprocess.Popen(["stat", mnt + "/stalled"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        time.sleep(0.5)
        assert stalled.poll() is None
        os.kill(pid, signal.SIGKILL)
        waiting = subprocess.Popen(["mkdir", mnt + "/after"])
        time.sleep(0.5)
        assert waiting.poll() is None, "answered by nobody"
        second = subprocess.Popen(["dotnet", host, mnt, "--resume", str(fd), connection], pass_fds=[fd], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        os.close(fd)
        assert second.stdout.readline() == "ready\n"
        assert waiting.wait(20) == 0
        assert "No such file" in stalled.communicate(timeout=20)[0]
        print(",".join(os.listdir(mnt)))
        second.stdin.close()
        assert second.wait(20) == 0
        """;

    [Fact]
    public void New_requests_wait_for_the_successor_and_those_in_flight_reach_it()
    {
        using var host = new MountedHost("--stall");
        Assert.SkipUnless(host.Ask("connection").Contains("resend=True", StringComparison.Ordinal), "the kernel is older than 6.9");
        (string descriptor, string connection) = (host.Ask("descriptor"), host.Ask("connection-json"));
        string arguments = $"{host.ProcessId} {descriptor} '{MountedHost.HostPath("Afs.Fuse.TestHost.dll")}' '{host.MountPoint}' '{connection}'";
        Assert.Equal("after", Shell.Must("/", $"python3 - {arguments} <<'END'\n{Keeper}\nEND"));
        Assert.False(host.IsMounted());
    }
}
