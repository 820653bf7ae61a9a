using System.Diagnostics;
using Afs.Mount.Tests.Kit;

namespace Afs.Mount.Tests;

/// <summary>kill -9 of either daemon (contract S4, S7).</summary>
public sealed class CrashTests
{
    [Fact]
    public async Task What_was_closed_survives_the_server_and_waiting_clients_go_on()
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync(), b = await cell.MountAsync();
        Script.Run(a, b, "put(a + '/f', b'kept')");

        cell.KillServer();
        using Process waiting = Commands.Start("python3", "-c", "import sys; open(sys.argv[1], 'w').write('after')", a["g"]);
        await cell.RestartServerAsync();

        Assert.True(await Eventually.IsAsync(() => waiting.HasExited));
        Assert.Equal(0, waiting.ExitCode);
        Script.Run(a, b, "assert get(b + '/f') == b'kept' and get(b + '/g') == b'after'");
    }

    [Fact]
    public async Task A_change_that_was_not_stored_is_found_after_a_crash_of_the_client()
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync(), b = await cell.MountAsync();
        using Process writer = Commands.Start(
            "python3", "-c", "import os, sys; fd = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY); os.write(fd, b'unstored'); print('written', flush=True); sys.stdin.read()", a["f"]);
        Assert.Equal("written", await writer.StandardOutput.ReadLineAsync());

        a.Daemon.Kill();
        writer.Kill();
        await a.StartAgainAsync();

        Assert.True(await Eventually.IsAsync(() => Directory.Exists(a.MountPoint) && a.ReadStatus().GetProperty("dirtyFiles").GetInt32() == 0));
        Script.Run(a, b, "assert get(b + '/f') == b'unstored'");
    }

    [Fact]
    public async Task A_process_that_waits_for_a_silent_server_can_be_killed()
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync();
        cell.Server.Signal(19);
        using Process waiting = Commands.Start("python3", "-c", "import os, sys; print('asking', flush=True); os.mkdir(sys.argv[1])", a["d"]);
        Assert.Equal("asking", await waiting.StandardOutput.ReadLineAsync());

        waiting.Kill();

        Assert.True(await Eventually.IsAsync(() => waiting.HasExited));
        cell.Server.Signal(18);
    }
}
