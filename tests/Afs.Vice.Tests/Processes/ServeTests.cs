namespace Afs.Vice.Tests.Processes;

/// <summary>What the program says and ends with where it can't serve, and how it stops.</summary>
public sealed class ServeTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vice-serve-").FullName;

    private string Data => Path.Combine(_folder, "data");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task It_stops_at_the_first_signal_and_answers_status_before()
    {
        using ViceProcess server = await ViceProcess.ServeAsync(_folder, "--listen", "127.0.0.1:0", "--listen", $"unix:{_folder}/socket");
        string[] ready = File.ReadAllLines(Path.Combine(_folder, "ready"));
        Assert.Equal($"unix:{_folder}/socket", ready[1]);
        using (ViceProcess status = ViceProcess.Start("status", "--server", ready[0], "--json"))
        {
            (int code, string output, _) = await status.EndAsync();
            Assert.Equal(0, code);
            Assert.Contains("\"epoch\":1", output);
        }
        using (ViceProcess second = ViceProcess.Start("serve", "--data", Data, "--listen", "127.0.0.1:0"))
            await FailsAsync(second, 3, "is in use by another vice");
        using (ViceProcess salvage = ViceProcess.Start("salvage", "--data", Data))
            await FailsAsync(salvage, 3, "is in use by another vice");
        using (ViceProcess other = ViceProcess.Start("serve", "--data", Path.Combine(_folder, "other"), "--listen", ready[0]))
            await FailsAsync(other, 3, "the address is in use");
        server.Terminate();
        (int ended, _, string log) = await server.EndAsync();
        Assert.Equal(0, ended);
        Assert.Contains("serving volume root on", log);
        Assert.Contains("stopped", log);
    }

    [Fact]
    public async Task A_damaged_database_is_one_clear_line()
    {
        using (ViceProcess server = await ViceProcess.ServeAsync(_folder, "--listen", "127.0.0.1:0"))
        {
            server.Terminate();
            await server.EndAsync();
        }
        string database = Path.Combine(Data, "metadata.db");
        byte[] bytes = File.ReadAllBytes(database);
        File.WriteAllBytes(database, bytes[..(bytes.Length / 2 + 100)]);
        using (ViceProcess server = ViceProcess.Start("serve", "--data", Data, "--listen", "127.0.0.1:0"))
            await FailsAsync(server, 3, "Run vice salvage");
        using (ViceProcess salvage = ViceProcess.Start("salvage", "--data", Data))
            Assert.NotEqual(0, (await salvage.EndAsync()).Code);
        File.WriteAllText(database, new string('x', 10_000));
        using (ViceProcess server = ViceProcess.Start("serve", "--data", Data, "--listen", "127.0.0.1:0"))
            await FailsAsync(server, 3, "Run vice salvage");
    }

    [Theory]
    [InlineData(2, "--data", "serve", "--listen", "127.0.0.1:0")]
    [InlineData(3, "is no address", "serve", "--data", "DATA", "--listen", "nonsense")]
    [InlineData(3, "holds no server's data", "salvage", "--data", "DATA")]
    [InlineData(3, "Cannot use the certificate", "serve", "--data", "DATA", "--tls-cert", "/nowhere.pem")]
    [InlineData(1, "can't be reached: no connection to 127.0.0.1:1", "status", "--server", "127.0.0.1:1", "--timeout-ms", "300")]
    public async Task What_is_wrong_is_said_in_one_line(int code, string message, params string[] arguments)
    {
        using ViceProcess process = ViceProcess.Start([.. arguments.Select(a => a == "DATA" ? Data : a)]);
        await FailsAsync(process, code, message);
    }

    private static async Task FailsAsync(ViceProcess process, int expected, string message)
    {
        (int code, _, string errors) = await process.EndAsync();
        Assert.Contains(message, errors);
        Assert.DoesNotContain("   at ", errors);
        Assert.Equal(expected, code);
    }
}
