using System.Text.Json;
using Afs.Mount.Tests.Kit;

namespace Afs.Mount.Tests;

/// <summary>What two clients do to one file without seeing each other's change is seen by people, and nothing of it is gone.</summary>
public sealed class LostUpdateTests
{
    private static readonly string Vice = Path.Combine(AppContext.BaseDirectory, "vice");

    [Fact]
    public async Task The_version_that_lost_is_counted_logged_and_can_be_got_back()
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync(), b = await cell.MountAsync();
        Script.Run(a, b, """
            put(a + '/f', b'base')
            first = os.open(a + '/f', os.O_WRONLY); second = os.open(b + '/f', os.O_WRONLY)
            os.write(first, b'by the first'); os.write(second, b'by the second' * 10000)
            os.close(first); os.close(second)
            assert get(a + '/f') == b'by the second' * 10000 == get(b + '/f')
            """);

        Assert.Equal(1, cell.ReadServerFigure("stores.unseen"));
        string logged = Assert.Single(cell.Server.Output.Split('\n'), line => line.Contains("Lost update", StringComparison.Ordinal));
        Assert.Contains(File.ReadAllText(Path.Combine(a.Cache, "client-id")).Trim()[..8], logged);
        Assert.Contains(File.ReadAllText(Path.Combine(b.Cache, "client-id")).Trim()[..8], logged);

        JsonElement kept = Assert.Single(JsonDocument.Parse(Versions(cell, "--json").Output).RootElement.EnumerateArray());
        Assert.Equal("f", kept.GetProperty("name").GetString());
        Assert.Contains("1 versions are kept", Versions(cell).Output);
        string back = Path.Combine(a.Cache, "back");
        Assert.Equal(0, Versions(cell, "--extract", kept.GetProperty("id").GetString()!, "--to", back).ExitCode);
        Assert.Equal("by the first", File.ReadAllText(back));
        Assert.Equal(1, Versions(cell, "--extract", "1.1.1@1", "--to", back + "2").ExitCode);
    }

    [Fact]
    public async Task A_store_to_a_file_that_was_removed_is_ESTALE_at_close_and_its_data_is_found()
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync(), b = await cell.MountAsync();
        Script.Run(a, b, """
            put(a + '/f', b'base')
            fd = os.open(a + '/f', os.O_WRONLY | os.O_TRUNC); os.write(fd, b'too late')
            os.unlink(b + '/f')
            fails(errno.ESTALE, os.close, fd)
            """);

        CommandResult recovered = Commands.Run(Path.Combine(AppContext.BaseDirectory, "venus"), "recovered", a.MountPoint, "--json");
        JsonElement file = Assert.Single(JsonDocument.Parse(recovered.Output).RootElement.EnumerateArray());
        Assert.Equal("too late", File.ReadAllText(file.GetProperty("path").GetString()!));
    }

    private static CommandResult Versions(Cell cell, params string[] arguments) => Commands.Run(Vice, ["versions", "--data", cell.ServerData, .. arguments]);
}
