namespace Afs.Mount.Tests.Kit;

/// <summary>
/// What processes do on the mounts: Python, in a child process. It gets the mount points as `a` and `b`, and a few words of its own:
/// put, get, stale (counts what a client sees too late). It fails the test by an exception.
/// </summary>
internal static class Script
{
    private const string Words = """
        import os, sys, mmap, stat, errno, json, fcntl
        a, b, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
        def put(path, data, flags=os.O_WRONLY | os.O_CREAT | os.O_TRUNC):
            fd = os.open(path, flags, 0o644)
            try:
                os.write(fd, data)
            finally:
                os.close(fd)
        def get(path):
            fd = os.open(path, os.O_RDONLY)
            try:
                return os.read(fd, 1 << 20)
            finally:
                os.close(fd)
        def fails(number, call, *args):
            try:
                call(*args)
            except OSError as e:
                assert e.errno == number, (errno.errorcode[e.errno], call, args)
                return
            raise AssertionError(('succeeded', call, args))

        """;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(120), LimitOfARound = TimeSpan.FromMilliseconds(200);

    /// <summary>Rounds of tests that repeat; more of them by AFS_ROUNDS.</summary>
    public static int Rounds(int usual) => int.TryParse(Environment.GetEnvironmentVariable("AFS_ROUNDS"), out int rounds) ? rounds : usual;

    public static string Run(Client a, Client b, string code, int rounds = 1)
    {
        CommandResult result = Commands.Run(Limit + rounds * LimitOfARound, "python3", "-c", Words + code, a.MountPoint, b.MountPoint, rounds.ToString());
        Assert.True(result.ExitCode == 0, $"{result.Output}\n{result.Errors}\nvenus a:\n{a.Daemon.Output}\nvenus b:\n{b.Daemon.Output}");
        return result.Output;
    }

    public static string Run(Client a, string code) => Run(a, a, code);
}
