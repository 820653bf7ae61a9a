using System.Text.Json;

namespace Afs.Mount.Tests.Kit;

/// <summary>A server and its clients, in a temporary folder; all of it is gone afterwards, whatever happened.</summary>
internal sealed class Cell : IDisposable
{
    private readonly DirectoryInfo _folder;
    private readonly List<Client> _clients = [];
    private Daemon _server;

    private Cell()
    {
        string? runFolder = Environment.GetEnvironmentVariable("AFS_RUN_DIR");
        _folder = runFolder is null ? Directory.CreateTempSubdirectory("afs-cell-") : Directory.CreateDirectory(Path.Combine(runFolder, Path.GetRandomFileName()));
        _server = StartServer();
    }

    public string Address => "unix:" + Socket;

    public Daemon Server => _server;

    public string ServerData => Path.Combine(_folder.FullName, "vice");

    private string Socket => Path.Combine(_folder.FullName, "vice.sock");

    public static async Task<Cell> StartAsync()
    {
        Assert.SkipUnless(Environment.UserName == "root" && File.Exists("/dev/fuse"), "Mounting needs root and /dev/fuse.");
        var cell = new Cell();
        await cell.WaitForServerAsync();
        return cell;
    }

    public Task<Client> MountAsync(params string[] options) => MountLimitedAsync(openFiles: null, options);

    /// <param name="openFiles">How many files the daemon may open; null: as many as this process.</param>
    /// <param name="options">Of `venus mount`.</param>
    public async Task<Client> MountLimitedAsync(int? openFiles, params string[] options)
    {
        string folder = _folder.CreateSubdirectory($"client{_clients.Count}").FullName;
        Client client = await Client.MountAsync(Address, folder, openFiles, options);
        _clients.Add(client);
        return client;
    }

    /// <summary>A figure of `vice status`.</summary>
    public long ReadServerFigure(string name)
    {
        CommandResult result = Commands.Run(Path.Combine(AppContext.BaseDirectory, "vice"), "status", "--server", Address, "--json");
        Assert.True(result.ExitCode == 0, result.Errors);
        return JsonDocument.Parse(result.Output).RootElement.GetProperty("figures").GetProperty(name).GetInt64();
    }

    public void KillServer() => _server.Kill();

    public async Task RestartServerAsync()
    {
        _server.Dispose();
        _server = StartServer();
        await WaitForServerAsync();
    }

    public void Dispose()
    {
        _clients.ForEach(client => client.Dispose());
        _server.Dispose();
        _folder.Delete(recursive: true);
    }

    private Daemon StartServer()
    {
        File.Delete(Socket);
        return new Daemon("vice", "serve", "--data", ServerData, "--listen", Address);
    }

    private Task WaitForServerAsync() => _server.WaitUntilAsync(() => File.Exists(Socket));
}
