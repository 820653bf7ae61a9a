using Afs.Platform;
using Afs.Venus.Cache;
using Afs.Venus.Hosting;
using Afs.Wire;
using Microsoft.Extensions.Logging.Abstractions;

namespace Afs.Venus.Tests;

/// <summary>What the cache knew is there again after a restart, suspect, and validated in bulk.</summary>
public sealed class RestartTests : IDisposable
{
    private const int Files = 40;

    /// <summary>So many beats of the housekeeping write everything that came to rest.</summary>
    private const int BeatsUntilSaved = 12;

    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"venus-test-{Guid.NewGuid():N}");
    private readonly MemoryVolume _volume = new();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task WhatNobodyChanged_IsValidatedInOneCall_AndCostsNoOther(bool wasCleanEnd)
    {
        TestClient a = await OpenAsync();
        Fid directory = await FillAsync(a);
        await EndAsync(a, wasCleanEnd);

        await using TestClient again = await OpenAsync(wasCleanEnd);
        Assert.False(again.Manager.Statuses.TryGet(directory, out _));
        Assert.Equal(Failure.None, await again.Manager.RevalidateNowAsync());
        int before = again.Server.Stub.Count;
        Assert.Equal(Files, (await again.ListAsync(await again.LookupAsync("d"))).Count);
        for (int i = 0; i < Files; i++)
            Assert.Equal($"content {i}", await again.ReadAsync((await again.LookupAsync($"f{i}", directory))!.Value));

        Assert.Equal(before, again.Server.Stub.Count);
        Assert.InRange(again.Server.Stub.CountOf("Validate"), 1, 2);
        Assert.Equal(0, again.Server.Stub.CountOf("FetchStatus") + again.Server.Stub.CountOf("FetchDirectory") + again.Server.Stub.CountOf("FetchData"));
    }

    [Fact]
    public async Task WhatOthersChangedMeanwhile_IsNeverBelieved()
    {
        TestClient a = await OpenAsync();
        Fid directory = await FillAsync(a);
        await EndAsync(a, wasCleanEnd: true);
        await using TestClient b = await TestClient.OpenAsync(_volume);
        Fid changed = (await b.LookupAsync("f0", directory))!.Value;
        await b.WriteAsync(changed, "by another");
        await b.CreateAsync("new", directory);
        Assert.Equal(Failure.None, await b.Manager.Operations.RemoveAsync(directory, "f1"u8.ToArray(), isDirectory: false, default));

        await using TestClient again = await OpenAsync();
        Assert.Equal(Failure.None, await again.Manager.RevalidateNowAsync());

        Assert.Equal("by another", await again.ReadAsync(changed));
        IReadOnlyList<string> names = await again.ListAsync(directory);
        Assert.Contains("new", names);
        Assert.DoesNotContain("f1", names);
        Assert.Equal(0, again.Server.Stub.CountOf("FetchStatus"));
    }

    [Fact]
    public async Task WhatWasRemovedHere_DoesNotComeBack()
    {
        TestClient a = await OpenAsync();
        Fid directory = await FillAsync(a);
        await SaveAsync(a);
        Fid gone = (await a.LookupAsync("f0", directory))!.Value;
        Assert.Equal(Failure.None, await a.Manager.Operations.RemoveAsync(directory, "f0"u8.ToArray(), isDirectory: false, default));
        await EndAsync(a, wasCleanEnd: true);

        using var saved = new LiteDbSavedVnodes(new LinuxDisk(_folder), SavedVnodesFile.NameOf(MemoryVolume.Id), NullLogger.Instance);
        saved.Begin(new VolumeIdentity(MemoryVolume.Id.Value, MemoryVolume.Root.Vnode.Value, MemoryVolume.Root.Uniquifier.Value, _volume.Incarnation));
        var fids = new List<Fid>();
        saved.Read(status => fids.Add(status.Fid), static _ => { });
        Assert.DoesNotContain(gone, fids);
        Assert.Equal(Files + 1, fids.Count); // The other files, the directory, the root.
    }

    [Fact]
    public async Task AnotherIncarnation_FindsNothingOfTheOneBefore()
    {
        TestClient a = await OpenAsync();
        await FillAsync(a);
        await EndAsync(a, wasCleanEnd: true);

        await using TestClient other = await TestClient.OpenAsync(new MemoryVolume { Incarnation = 2 }, folder: _folder);

        Assert.Equal(0, other.Figure("vnodes"));
        Assert.Equal(0, other.Figure("directories"));
    }

    [Theory]
    [InlineData("garbage")]
    [InlineData("flipped")]
    public async Task SavedVnodesThatAreDamaged_AreLeftOut_AndAskedForAgain(string damage)
    {
        TestClient a = await OpenAsync();
        Fid directory = await FillAsync(a);
        await EndAsync(a, wasCleanEnd: true);
        string path = Path.Combine(_folder, SavedVnodesFile.NameOf(MemoryVolume.Id));
        if (damage == "garbage")
            File.WriteAllText(path, new string('x', 5000));
        else
            FlipIn(path, "f17");

        await using TestClient again = await OpenAsync();
        await again.Manager.RevalidateNowAsync();

        Assert.Equal(Files, (await again.ListAsync(directory)).Count);
        Assert.Equal("content 17", await again.ReadAsync((await again.LookupAsync("f17", directory))!.Value));
        Assert.NotEqual(0, again.Server.Stub.CountOf("FetchDirectory"));
    }

    private async Task<Fid> FillAsync(TestClient client)
    {
        Fid directory = await client.CreateAsync("d", type: FileType.Directory);
        for (int i = 0; i < Files; i++)
            await client.WriteAsync(await client.CreateAsync($"f{i}", directory), $"content {i}");
        await client.ListAsync(directory);
        await client.ListAsync();
        return directory;
    }

    private static async Task SaveAsync(TestClient client)
    {
        for (int beat = 0; beat < BeatsUntilSaved; beat++)
        {
            client.Time.Advance(TimeSpan.FromSeconds(1));
            await client.Manager.SaveNowAsync(isLast: false);
        }
    }

    private static async Task EndAsync(TestClient client, bool wasCleanEnd)
    {
        if (wasCleanEnd)
        {
            await client.DisposeAsync();
            return;
        }
        await SaveAsync(client);
        await client.CrashAsync();
    }

    /// <summary>Changes one byte where the text stands last in the file.</summary>
    private static void FlipIn(string path, string text)
    {
        byte[] bytes = File.ReadAllBytes(path);
        int at = bytes.AsSpan().LastIndexOf(System.Text.Encoding.ASCII.GetBytes(text));
        Assert.True(at > 0);
        bytes[at] ^= 0x20;
        File.WriteAllBytes(path, bytes);
    }

    private Task<TestClient> OpenAsync(bool wasCleanEnd = true) => TestClient.OpenAsync(_volume, folder: _folder, wasCleanEnd: wasCleanEnd);
}
