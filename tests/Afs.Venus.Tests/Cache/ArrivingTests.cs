using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Tests;

/// <summary>Large files that are read while they arrive.</summary>
public class ArrivingTests
{
    private const int Length = 5_000_000;
    private const long Gate = 1_000_000;

    [Fact]
    public async Task ALargeFile_IsOpenBeforeItIsThere_AndTheRestIsWaitedFor()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        await using TestClient b = await TestClient.OpenAsync(volume);
        (Fid fid, byte[] content) = await MakeAsync(a);
        TaskCompletionSource gate = CloseGate(b);
        using IContainer container = await b.OpenAsync(fid);
        Assert.Equal(Failure.None, await container.Arrival!.WaitAsync(Gate, default));
        byte[] start = new byte[Gate];
        Assert.Equal(start.Length, RandomAccess.Read(container.Handle, start, 0));
        Assert.Equal(content[..(int)Gate], start);
        Assert.Equal(Length, RandomAccess.GetLength(container.Handle));
        Assert.False(container.Arrival.Has(Gate + 1));

        using (var killed = new CancellationTokenSource())
        {
            ValueTask<Failure> wait = container.Arrival.WaitAsync(Length, killed.Token);
            await killed.CancelAsync();
            Assert.Equal(FailureKind.Interrupted, (await wait).Kind);
        }
        using IContainer second = await b.OpenAsync(fid);
        Assert.Equal(container.Id, second.Id);
        gate.SetResult();
        Assert.Equal(Failure.None, await container.Arrival.WaitAsync(Length, default));
        Assert.Equal(content, CacheClient.ReadAll(container));
        await Eventually.BecomesTrueAsync(() => container.Arrival.IsComplete);
        Assert.True(b.Manager.Contents.TryOpenForReading(fid, proven: null, out IContainer later));
        using (later)
            Assert.Equal(container.Id, later.Id);
        Assert.Equal(1, b.Server.Stub.CountOf("Download"));
    }

    [Fact]
    public async Task AStoreByAnotherClientMeanwhile_DoesNotMixVersions()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        await using TestClient b = await TestClient.OpenAsync(volume);
        (Fid fid, byte[] content) = await MakeAsync(a);
        TaskCompletionSource gate = CloseGate(b);
        using IContainer old = await b.OpenAsync(fid);
        byte[] newer = Bytes(Length, 2);
        Assert.Equal(Failure.None, await a.WriteAsync(fid, newer));
        Task<byte[]> read = b.ReadBytesAsync(fid);
        gate.SetResult();
        Assert.Equal(newer, await read);
        Assert.Equal(Failure.None, await old.Arrival!.WaitAsync(Length, default));
        Assert.Equal(content, CacheClient.ReadAll(old));
    }

    [Fact]
    public async Task AnOpenForWriting_WaitsForAllOfIt()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        await using TestClient b = await TestClient.OpenAsync(volume);
        (Fid fid, byte[] content) = await MakeAsync(a);
        TaskCompletionSource gate = CloseGate(b);
        Task<IContainer> open = b.OpenAsync(fid, forWriting: true);
        using (IContainer reader = await b.OpenAsync(fid))
            Assert.Equal(Failure.None, await reader.Arrival!.WaitAsync(Gate, default));
        Assert.False(open.IsCompleted);
        gate.SetResult();
        using IContainer writer = await open;
        Assert.Equal(content, CacheClient.ReadAll(writer));
    }

    [Fact]
    public async Task ATransferThatBreaksOff_GoesOnWhereItStopped()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        await using TestClient b = await TestClient.OpenAsync(volume);
        (Fid fid, byte[] content) = await MakeAsync(a);
        b.Server.Stub.BreakDownloadAt = Gate;
        using IContainer container = await b.OpenAsync(fid);
        Assert.Equal(Failure.None, await container.Arrival!.WaitAsync(Length, default));
        Assert.Equal(content, CacheClient.ReadAll(container));
        Assert.Equal(2, b.Server.Stub.CountOf("Download"));
        Assert.Equal(1, b.Server.Stub.CountOf("FetchData"));
    }

    [Fact]
    public async Task ATransferThatBreaksOffForGood_FailsTheReadsOfWhatIsMissing()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        await using TestClient b = await TestClient.OpenAsync(volume);
        (Fid fid, byte[] content) = await MakeAsync(a);
        TaskCompletionSource gate = CloseGate(b);
        using IContainer container = await b.OpenAsync(fid);
        Assert.Equal(Failure.None, await container.Arrival!.WaitAsync(Gate, default));
        b.Server.Stub.BreakDownloadAt = Gate;
        b.Server.Stub.IsCut = true;
        gate.SetResult();
        Assert.Equal(FailureKind.Unreachable, (await container.Arrival.WaitAsync(Length, default)).Kind);
        Assert.True(container.Arrival.Has(Gate));
        b.Server.Stub.IsCut = false;
        Assert.Equal(content, await b.ReadBytesAsync(fid));
    }

    [Fact]
    public async Task ContentThatTurnsOutDamaged_IsGivenToNobodyAnyMore()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        await using TestClient b = await TestClient.OpenAsync(volume);
        (Fid fid, byte[] content) = await MakeAsync(a);
        int downloads = 0;
        b.Server.Stub.Damage = bytes =>
        {
            byte[] damaged = [.. bytes];
            if (downloads++ == 0)
                damaged[^1]++;
            return damaged;
        };
        TaskCompletionSource gate = CloseGate(b);
        using (IContainer container = await b.OpenAsync(fid))
        {
            gate.SetResult();
            Assert.Equal(FailureKind.ContentDamaged, (await container.Arrival!.WaitAsync(long.MaxValue, default)).Kind);
            Assert.False(container.Arrival.Has(1));
            Assert.False(container.Arrival.IsComplete);
        }
        await Eventually.BecomesTrueAsync(() => b.Manager.Contents.TryOpenForReading(fid, proven: null, out IContainer c) && Dispose(c));
        Assert.Equal(content, await b.ReadBytesAsync(fid));
        Assert.Equal(2, downloads);
    }

    private static bool Dispose(IContainer container)
    {
        container.Dispose();
        return true;
    }

    /// <summary>Downloads of this client stop before the gate.</summary>
    private static TaskCompletionSource CloseGate(TestClient client)
    {
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        client.Server.Stub.BeforeChunk = offset => offset >= Gate ? gate.Task : Task.CompletedTask;
        return gate;
    }

    private static async Task<(Fid, byte[])> MakeAsync(TestClient client)
    {
        Fid fid = await client.CreateAsync("f");
        byte[] content = Bytes(Length, 1);
        Assert.Equal(Failure.None, await client.WriteAsync(fid, content));
        return (fid, content);
    }

    private static byte[] Bytes(int length, int seed)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}
