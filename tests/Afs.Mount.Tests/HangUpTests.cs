using System.Diagnostics;
using System.Text.Json;
using Afs.Mount.Tests.Kit;

namespace Afs.Mount.Tests;

/// <summary>SIGHUP ends no daemon: it opens its log anew.</summary>
public sealed class HangUpTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_mount_stays_and_its_log_goes_on_in_a_new_file(bool isSupervised)
    {
        using Cell cell = await Cell.StartAsync();
        DirectoryInfo folder = Directory.CreateTempSubdirectory("afs-hup-");
        string mount = folder.CreateSubdirectory("mnt").FullName, log = Path.Combine(folder.FullName, "log");
        try
        {
            CommandResult up = Venus([
                "mount", cell.Address, mount, "--cache", Path.Combine(folder.FullName, "cache"), "--log-file", log, "--log-level", "Information",
                .. isSupervised ? ["--supervised"] : Array.Empty<string>()]);
            Assert.True(up.ExitCode == 0, up.Errors);
            JsonElement status = JsonDocument.Parse(Venus(["status", mount, "--json"]).Output).RootElement[0];
            int main = status.GetProperty(isSupervised ? "supervisorId" : "processId").GetInt32();
            File.Move(log, log + ".1");
            Assert.Equal(0, Commands.Run("kill", "-HUP", main.ToString()).ExitCode);

            await Eventually.BecomesTrueAsync(() => File.Exists(log) && Count(log, "SIGHUP") == (isSupervised ? 2 : 1));
            Assert.Equal(0, Commands.Run("sh", "-c", $"echo text >'{mount}/f' && grep text '{mount}/f'").ExitCode);
            CommandResult down = Venus(["unmount", mount]);
            Assert.True(down.ExitCode == 0, down.Errors + File.ReadAllText(log));
            await Eventually.BecomesTrueAsync(() => Count(log, "is unmounted") == 1);
        }
        finally
        {
            MountTable.TakeAway(mount);
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task A_server_serves_on_and_its_log_goes_on_in_a_new_file()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("afs-hup-");
        string log = Path.Combine(folder.FullName, "log"), ready = Path.Combine(folder.FullName, "ready"), address = $"unix:{folder.FullName}/socket";
        string vice = Path.Combine(AppContext.BaseDirectory, "vice");
        using Process server = Commands.Start("sh", "-c", $"exec '{vice}' serve --data '{folder.FullName}/data' --listen '{address}' --ready-file '{ready}' 2>>'{log}'");
        try
        {
            await Eventually.BecomesTrueAsync(() => File.Exists(ready));
            File.Move(log, log + ".1");
            Assert.Equal(0, Commands.Run("kill", "-HUP", server.Id.ToString()).ExitCode);
            await Eventually.BecomesTrueAsync(() => File.Exists(log) && Count(log, "SIGHUP") == 1);
            CommandResult status = Commands.Run(vice, "status", "--server", address);
            Assert.True(status.ExitCode == 0, status.Errors);
            Commands.Run("kill", "-TERM", server.Id.ToString());
            Assert.True(server.WaitForExit(TimeSpan.FromSeconds(60)));
            Assert.Equal((0, 1), (server.ExitCode, Count(log, "vice: stopped")));
        }
        finally
        {
            if (!server.HasExited)
                server.Kill();
            folder.Delete(recursive: true);
        }
    }

    private static CommandResult Venus(string[] arguments) => Commands.Run(Path.Combine(AppContext.BaseDirectory, "venus"), arguments);

    private static int Count(string file, string text) => File.ReadLines(file).Count(line => line.Contains(text, StringComparison.Ordinal));
}
