using System.Diagnostics;
using Afs.Platform;
using Afs.Venus.Cache;
using Afs.Venus.Hosting;
using Microsoft.Extensions.Logging.Abstractions;

namespace Afs.Venus.Tests;

/// <summary>
/// A process that changes an index is killed, again and again: each change that it was told to be made is there afterwards. It writes down each such change where a kill can't take it.
/// The long form: AFS_KILLS=500 dotnet artifacts/bin/Afs.Venus.Tests/release/Afs.Venus.Tests.dll -method '*KilledIndexTests.WhatWasMade*'.
/// </summary>
public sealed class KilledIndexTests : IDisposable
{
    private const string FolderVariable = "AFS_KILLED_INDEX_FOLDER", Made = "made";
    private const int Kills = 12, Containers = 400;

    private readonly string _folder = Directory.CreateTempSubdirectory("killed-index-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task WhatWasMade_IsThereAfterAKill()
    {
        int kills = int.TryParse(Environment.GetEnvironmentVariable("AFS_KILLS"), out int asked) ? asked : Kills;
        var random = new Random(4);
        int last = 0, began = 0;
        for (int kill = 0; kill < kills; kill++)
        {
            using (Process child = Start())
            {
                int before = ReadMade();
                await Eventually.BecomesTrueAsync(() => ReadMade() > before + random.Next(1, 2000) || child.HasExited);
                Assert.False(child.HasExited, "The child ended by itself.");
                child.Kill();
                await child.WaitForExitAsync(TestContext.Current.CancellationToken);
            }
            last = ReadMade();
            Assert.True(last > began);
            began = last;
            await using LiteDbContainerIndex index = Open(_folder);
            AssertHolds(index.Load(), last);
        }
    }

    /// <summary>The process that is killed: change number N is of container N modulo a few hundred, some of which go.</summary>
    [Fact(Explicit = true)]
    public async Task Child()
    {
        string? folder = Environment.GetEnvironmentVariable(FolderVariable);
        Assert.SkipWhen(folder is null, "Runs as another test's process.");
        await using LiteDbContainerIndex index = Open(folder);
        using var made = File.OpenHandle(Path.Combine(folder, Made), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite);
        byte[] number = new byte[sizeof(int)];
        RandomAccess.Read(made, number, 0);
        for (int change = BitConverter.ToInt32(number) + 1; ; change++)
        {
            await index.PutAsync(Change(change), outlastsPowerLoss: change % 101 == 0);
            BitConverter.TryWriteBytes(number, change);
            RandomAccess.Write(made, number, 0);
        }
    }

    private static ContainerRecord Change(int number) => IndexWorkload.Record(new ContainerId((ulong)(number % Containers + 1)), number);

    /// <summary>Of each container the last change that was made, or one after it: the child may have been killed between the change and its note.</summary>
    private static void AssertHolds(IReadOnlyList<ContainerRecord> rows, int made)
    {
        Dictionary<ContainerId, ContainerRecord> found = rows.ToDictionary(static row => row.Id);
        for (int number = Math.Max(1, made - Containers + 1); number <= made; number++)
        {
            ContainerRecord row = found[Change(number).Id];
            int version = (int)row.Base.Value;
            Assert.Equal(Change(version), row);
            Assert.True(version == number || version == made + 1, $"Container {row.Id} has change {version}, not {number}; {made} were made.");
        }
    }

    private int ReadMade()
    {
        string path = Path.Combine(_folder, Made);
        if (!File.Exists(path))
            return 0;
        using var made = File.OpenHandle(path, share: FileShare.ReadWrite);
        byte[] number = new byte[sizeof(int)];
        return RandomAccess.Read(made, number, 0) == number.Length ? BitConverter.ToInt32(number) : 0;
    }

    private static LiteDbContainerIndex Open(string folder) =>
        CacheIndexFile.Open(folder, new LinuxDisk(folder), IndexWorkload.Boot, TimeProvider.System, NullLogger.Instance);

    private Process Start()
    {
        var start = new ProcessStartInfo("dotnet", [typeof(KilledIndexTests).Assembly.Location, "-explicit", "only", "-noColor", "-method", "*KilledIndexTests.Child"])
        {
            RedirectStandardOutput = true,
            Environment = { [FolderVariable] = _folder },
        };
        Process child = Process.Start(start)!;
        child.OutputDataReceived += static (_, _) => { };
        child.BeginOutputReadLine();
        return child;
    }
}
