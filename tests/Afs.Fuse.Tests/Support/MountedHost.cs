using System.Diagnostics;

namespace Afs.Fuse.Tests.Support;

/// <summary>
/// A filesystem of Afs.Fuse.TestHost, mounted by a process of its own under a folder of its own. Disposing unmounts it,
/// whatever state it is in, and removes the folder.
/// </summary>
internal sealed class MountedHost : IDisposable
{
    private const int AnswerTimeoutMs = 30_000;

    private readonly Process _process;
    private readonly string _folder;

    public MountedHost(params string[] flags)
    {
        SkipUnlessMountsArePossible();
        _folder = Directory.CreateTempSubdirectory("afs-fuse-test-").FullName;
        MountPoint = Path.Combine(_folder, "mnt");
        BackingFolder = Path.Combine(_folder, "backing");
        Directory.CreateDirectory(MountPoint);
        Directory.CreateDirectory(BackingFolder);
        string[] arguments = [HostPath("Afs.Fuse.TestHost.dll"), MountPoint, .. flags.Select(flag => flag.Replace("{backing}", BackingFolder, StringComparison.Ordinal))];
        _process = Process.Start(new ProcessStartInfo("dotnet", arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true })!;
        _process.ErrorDataReceived += (_, line) => Errors += line.Data + "\n";
        _process.BeginErrorReadLine();
        Assert.Equal("ready", Answer());
    }

    public string MountPoint { get; }

    public string BackingFolder { get; }

    public string Errors { get; private set; } = "";

    public static string HostPath(string assembly) => Path.Combine(AppContext.BaseDirectory, assembly);

    /// <summary>Skips the test with the reason where this machine lets nobody mount.</summary>
    public static void SkipUnlessMountsArePossible()
    {
        Assert.SkipUnless(File.Exists("/dev/fuse"), "there is no /dev/fuse");
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "needs root to mount");
    }

    public int ProcessId => _process.Id;

    public string Run(string script) => Shell.Must(MountPoint, script);

    /// <summary>One command to the mounted process, and its answer.</summary>
    public string Ask(string command)
    {
        _process.StandardInput.WriteLine(command);
        return Answer();
    }

    /// <summary>Asks until the answer is as expected: for what the kernel does when it gets to it.</summary>
    public void AskUntil(string command, string expected) =>
        Assert.True(SpinWait.SpinUntil(() => Ask(command) == expected, TimeSpan.FromSeconds(20)), $"{command}: {Ask(command)}, not {expected}");

    public bool IsMounted() => File.ReadLines("/proc/self/mountinfo").Any(line => line.Contains(MountPoint, StringComparison.Ordinal));

    public void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    /// <summary>Ends the process as its user would, and tells its exit code.</summary>
    public int Close()
    {
        _process.StandardInput.Close();
        Assert.True(_process.WaitForExit(AnswerTimeoutMs), "the host did not end");
        return _process.ExitCode;
    }

    public void Dispose()
    {
        try
        {
            if (!_process.HasExited)
            {
                _process.StandardInput.Close();
                if (!_process.WaitForExit(AnswerTimeoutMs))
                {
                    Kill();
                }
            }
        }
        finally
        {
            if (IsMounted())
            {
                Shell.Run("/", $"umount -l '{MountPoint}'");
            }

            _process.Dispose();
            Directory.Delete(_folder, recursive: true);
        }
    }

    private string Answer()
    {
        Task<string?> line = _process.StandardOutput.ReadLineAsync();
        Assert.True(line.Wait(AnswerTimeoutMs), "the host does not answer");
        Assert.True(line.Result is not null, $"the host ended: {Errors}");
        return line.Result!;
    }
}
