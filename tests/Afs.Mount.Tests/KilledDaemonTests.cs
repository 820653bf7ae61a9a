using System.Diagnostics;
using System.Globalization;
using Afs.Mount.Tests.Kit;

namespace Afs.Mount.Tests;

/// <summary>
/// A daemon that is killed while it takes a name back from a directory that is locked by a call which waits for it: its process can't go until that call ends, and that call waits for a
/// daemon. Here the call is a mkdir whose server is silent, and the names go because the lease has ended.
/// </summary>
public sealed class KilledDaemonTests
{
    private const int Kill = 9, Stop = 19, Continue = 18;

    [Fact]
    public async Task A_supervised_one_is_replaced_and_the_call_is_answered()
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync("--supervised", "--timeout", "100");
        int daemon = a.ReadStatus().GetProperty("processId").GetInt32();

        using Process call = await LeaveBehindAsync(cell, a, daemon);
        cell.Server.Signal(Continue);

        Assert.True(call.WaitForExit(TimeSpan.FromSeconds(60)), "The call waits for ever.");
        Assert.True(call.ExitCode == 0, call.StandardError.ReadToEnd());
        Script.Run(a, "assert os.path.isdir(a + '/d/new'); put(a + '/d/f', b'on')");
        Assert.NotEqual(daemon, a.ReadStatus().GetProperty("processId").GetInt32());
    }

    [Fact]
    public async Task Any_other_is_said_to_be_dead_and_its_mount_goes_by_force()
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync("--timeout", "100");

        using Process call = await LeaveBehindAsync(cell, a, a.Daemon.Id);
        cell.Server.Signal(Continue);

        Assert.Equal(7, Venus("unmount", a.MountPoint).ExitCode);
        Assert.DoesNotContain(a.MountPoint, Venus("status").Output);
        CommandResult forced = Venus("unmount", a.MountPoint, "--force");
        Assert.True(forced.ExitCode == 0, forced.Errors);
        Assert.True(call.WaitForExit(TimeSpan.FromSeconds(60)), "The call waits for ever.");
        Assert.True(await Eventually.IsAsync(() => !Directory.Exists($"/proc/{a.Daemon.Id}/task") || a.Daemon.HasEnded));
    }

    /// <summary>Kills the daemon at such a moment. The call that waits for it.</summary>
    private static async Task<Process> LeaveBehindAsync(Cell cell, Client a, int daemon)
    {
        Script.Run(a, "import time; os.mkdir(a + '/d'); put(a + '/d/f', b''); time.sleep(2.5); os.stat(a + '/d/f'); os.stat(a + '/d/f')");
        cell.Server.Signal(Stop);
        Process call = Commands.Start("mkdir", "-p", Path.Combine(a.MountPoint, "d", "new"));
        Assert.True(await Eventually.IsAsync(() => WaitsForALock(daemon)), "No thread waits for the directory's lock.\n" + a.Daemon.Output);
        Commands.Run("kill", $"-{Kill}", daemon.ToString(CultureInfo.InvariantCulture));
        Assert.True(await Eventually.IsAsync(() => StateOf($"/proc/{daemon}") == 'Z'), "The daemon was killed, and lives.");
        return call;
    }

    /// <summary>A thread that takes names back waits in the kernel, and where no signal reaches it.</summary>
    private static bool WaitsForALock(int daemon) =>
        Directory.EnumerateDirectories($"/proc/{daemon}/task").Any(static task => Read(task + "/comm").Trim() == "afs-names" && StateOf(task) == 'D');

    private static char StateOf(string folder)
    {
        string stat = Read(folder + "/stat");
        return stat.Length == 0 ? ' ' : stat[stat.LastIndexOf(')') + 2];
    }

    /// <summary>Nothing of a thread that has ended meanwhile.</summary>
    private static string Read(string file)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (IOException)
        {
            return "";
        }
    }

    private static CommandResult Venus(params string[] arguments) =>
        Commands.Run(TimeSpan.FromSeconds(60), Path.Combine(AppContext.BaseDirectory, "venus"), arguments);
}
