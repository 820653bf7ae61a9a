using System.Diagnostics;
using Afs.Rpc;
using Afs.Vice.Tests.Harness;
using Afs.Wire;

namespace Afs.Vice.Tests.Processes;

/// <summary>A real server on a small disk of its own (tmpfs) that something else fills to the last byte. Needs root.</summary>
public sealed class FullDiskTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vice-full-").FullName;

    [Fact]
    public async Task A_full_disk_refuses_and_goes_on_once_there_is_room()
    {
        Assert.SkipUnless(Environment.UserName == "root", "Mounting needs root.");
        await RunAsync("mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", _folder);
        string endpoint = $"unix:{_folder}/socket", ballast = Path.Combine(_folder, "ballast");
        using ViceProcess server = await ViceProcess.ServeAsync(_folder, "--listen", endpoint);
        await using var client = new ProcessClient(endpoint, 1);
        Fid root = await client.RootAsync(), f = (await client.CreateAsync(root, "f")).Value.Status.Fid;
        byte[] content = new byte[60_000];
        new Random(1).NextBytes(content);
        ulong version = (await client.StoreAsync(f, 1, content)).Value.Status.DataVersion.Value;

        Fill(ballast);
        AbortCode refused = AbortCode.None;
        for (int i = 0; i < 1000 && refused == AbortCode.None; i++)
        {
            Outcome<StoreDataReply> outcome = await client.StoreAsync(f, version, content);
            refused = outcome.Abort;
            version = outcome.IsReply ? outcome.Value.Status.DataVersion.Value : version;
        }
        Assert.Equal(AbortCodes.NoSpace, refused);
        FetchDataReply kept = (await client.Vice.FetchDataAsync(new FetchDataRequest { Fid = f }, default)).Value;
        Assert.Equal(version, kept.Status.DataVersion.Value);
        Assert.Equal(content, kept.Content);

        File.Delete(ballast);
        Outcome<StoreDataReply> stored = default;
        for (int i = 0; i < 500 && !stored.IsReply; i++)
        {
            stored = await client.StoreAsync(f, version, content);
            await Task.Delay(20);
        }
        Assert.True(stored.IsReply);
        server.Terminate();
        Assert.Equal(0, (await server.EndAsync()).Code);
        using ViceProcess salvage = ViceProcess.Start("salvage", "--data", Path.Combine(_folder, "data"));
        Assert.Equal(0, (await salvage.EndAsync()).Code);
    }

    public void Dispose()
    {
        if (OnDisk.IsMountPoint(_folder))
            RunAsync("umount", "-l", _folder).Wait();
        Directory.Delete(_folder, recursive: true);
    }

    private static void Fill(string path)
    {
        using FileStream file = File.Create(path);
        byte[] block = new byte[4096];
        try
        {
            while (true)
                file.Write(block);
        }
        catch (IOException)
        {
            // Full, which is what was wanted.
        }
    }

    private static async Task RunAsync(string program, params string[] arguments)
    {
        using Process process = Process.Start(program, arguments);
        await process.WaitForExitAsync();
        Assert.Equal(0, process.ExitCode);
    }
}
