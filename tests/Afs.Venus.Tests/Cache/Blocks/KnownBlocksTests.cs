using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Tests;

/// <summary>How often a large file is read for the sums of its blocks.</summary>
public class KnownBlocksTests
{
    private const int Length = 5_000_000;

    [Fact]
    public async Task AChangeOfAFetchedFile_ReadsItOnce_AndSendsOneBlock()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        Fid fid = await a.CreateAsync("f");
        byte[] content = new byte[Length];
        new Random(1).NextBytes(content);
        Assert.Equal(Failure.None, await a.WriteAsync(fid, content));
        CountingDisk disk = null!;
        await using TestClient b = await TestClient.OpenAsync(volume, disk: real => disk = new CountingDisk(real));
        Assert.Equal(Failure.None, await b.Manager.Contents.FetchAsync(fid, default));

        using (IContainer container = await b.OpenAsync(fid, forWriting: true))
        {
            Assert.Equal(0, disk.BytesRead);
            RandomAccess.Write(container.Handle, [7, 8, 9], 3_000_000);
            Assert.Equal(Failure.None, await container.StoreAsync(killSetId: false, default));
        }
        Assert.InRange(disk.BytesRead, Length, Length + 2 * Limits.BlockBytes);
        Assert.Equal(Limits.BlockBytes, b.Manager.Counts.BytesStored.Value);
        new byte[] { 7, 8, 9 }.CopyTo(content, 3_000_000);
        Assert.Equal(content, await a.ReadBytesAsync(fid));
    }

    [Fact]
    public async Task ANewFile_IsReadOnce()
    {
        CountingDisk disk = null!;
        await using TestClient a = await TestClient.OpenAsync(new MemoryVolume(), disk: real => disk = new CountingDisk(real));
        Fid fid = await a.CreateAsync("f");
        byte[] content = new byte[Length];
        new Random(1).NextBytes(content);
        Assert.Equal(Failure.None, await a.WriteAsync(fid, content));
        Assert.Equal(Length, disk.BytesRead);
    }
}
