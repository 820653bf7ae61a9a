using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Tests;

/// <summary>What the kernel's requests call on the thread that read them allocates nothing.</summary>
public class HotPathTests
{
    [Fact]
    public async Task LookupsAndStatuses_DontAllocate()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        Fid fid = await a.CreateAsync("f");
        await a.ListAsync();
        byte[] name = "f"u8.ToArray();
        Look(a, fid, name);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++)
            Look(a, fid, name);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static void Look(TestClient client, Fid fid, byte[] name)
    {
        if (!client.Manager.Statuses.TryGet(fid, out FetchStatus status) || status.Fid != fid)
            throw new InvalidOperationException("The status isn't cached.");
        if (client.Manager.Directories.TryLookup(client.Root, name, out Fid child, out _) != LookupAnswer.Found || child != fid)
            throw new InvalidOperationException("The name isn't cached.");
        if (client.Manager.Contents.FindLocal(fid) is not null)
            throw new InvalidOperationException("Nothing is open.");
    }
}
