using Afs.Wire;

namespace Afs.Vice.Tests.Processes;

/// <summary><c>vice drop</c>, beside a server that runs and without one.</summary>
public sealed class DropTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vice-drop-").FullName;

    [Fact]
    public async Task Kept_versions_are_dropped_whether_the_server_runs_or_not()
    {
        string endpoint = $"unix:{_folder}/socket", data = Path.Combine(_folder, "data");
        using (ViceProcess server = await ViceProcess.ServeAsync(_folder, "--listen", endpoint))
        {
            await using var client = new ProcessClient(endpoint, 1);
            Fid f = (await client.CreateAsync(await client.RootAsync(), "f")).Value.Status.Fid;
            for (int i = 0; i < 4; i++)
                Assert.True((await client.StoreAsync(f, 1, [(byte)i])).IsReply);
            Assert.Contains("3 versions are kept", await RunAsync(0, "versions", "--data", data));
            Assert.Contains("dropped", await RunAsync(0, "drop", "--data", data, "--version-id", $"{f}@3", "--uploads"));
            string left = await RunAsync(0, "versions", "--data", data);
            Assert.Contains("2 versions are kept", left);
            Assert.DoesNotContain("@3", left);
            await RunAsync(2, "drop", "--data", data);
            server.Terminate();
            Assert.Equal(0, (await server.EndAsync()).Code);
        }
        Assert.Contains("2 versions dropped", await RunAsync(0, "drop", "--data", data, "--versions"));
        Assert.Contains("0 versions are kept", await RunAsync(0, "versions", "--data", data));
        await RunAsync(0, "salvage", "--data", data);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static async Task<string> RunAsync(int code, params string[] arguments)
    {
        using ViceProcess vice = ViceProcess.Start(arguments);
        (int ended, string output, string errors) = await vice.EndAsync();
        Assert.True(code == ended, $"{ended}: {output}{errors}");
        return output;
    }
}
