using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Tests;

/// <summary>How often a large file is read for the sums of its blocks.</summary>
public class KnownBlocksTests
{
    private const int Length = 5_000_000;

    [Fact]
    public async Task AChangeOfAFetchedFile_ReadsItOnce_AndSendsOneBlockInOneCall()
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
            Assert.Equal(Failure.None, await container.StoreAsync(default));
        }
        Assert.InRange(disk.BytesRead, Length, Length + 2 * Limits.BlockBytes);
        Assert.Equal(Limits.BlockBytes, b.Figure("bytes.stored"));
        Assert.Equal((1, 0), (b.Server.Stub.CountOf("StoreData"), b.Server.Stub.CountOf("Upload")));
        new byte[] { 7, 8, 9 }.CopyTo(content, 3_000_000);
        Assert.Equal(content, await a.ReadBytesAsync(fid));
    }

    [Theory]
    [InlineData(4, 0)]
    [InlineData(5, 1)]
    public async Task UpToFourChangedBlocks_GoInTheCall(int blocks, int uploads)
    {
        await using TestClient a = await TestClient.OpenAsync(new MemoryVolume());
        (Fid fid, byte[] content) = await MakeAsync(a);
        using (IContainer container = await a.OpenAsync(fid, forWriting: true))
        {
            Change(container, content, blocks);
            Assert.Equal(Failure.None, await container.StoreAsync(default));
        }
        Assert.Equal(uploads + 1, a.Server.Stub.CountOf("Upload"));
        Assert.Equal(content, a.Server.Volume.ContentOf(fid));
    }

    [Fact]
    public async Task AVersionThatCameMeanwhile_MakesItSendTheWhole()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume), b = await TestClient.OpenAsync(volume);
        (Fid fid, byte[] content) = await MakeAsync(a);
        using (IContainer container = await a.OpenAsync(fid, forWriting: true))
        {
            Assert.Equal(Failure.None, await b.WriteAsync(fid, "other"));
            Change(container, content, 1);
            Assert.Equal(Failure.None, await container.StoreAsync(default));
        }
        Assert.Equal((2, 1), (a.Server.Stub.CountOf("Upload"), volume.Unseen));
        Assert.Equal(content, await b.ReadBytesAsync(fid));
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

    private static async Task<(Fid, byte[])> MakeAsync(TestClient client)
    {
        Fid fid = await client.CreateAsync("f");
        byte[] content = new byte[Length];
        new Random(1).NextBytes(content);
        Assert.Equal(Failure.None, await client.WriteAsync(fid, content));
        return (fid, content);
    }

    /// <summary>A byte in each of so many blocks, which don't lie together.</summary>
    private static void Change(IContainer container, byte[] content, int blocks)
    {
        for (int i = 0; i < blocks; i++)
        {
            int at = 10 * i * Limits.BlockBytes;
            RandomAccess.Write(container.Handle, [++content[at]], at);
        }
    }
}
