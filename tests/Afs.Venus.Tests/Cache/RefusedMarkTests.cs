using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Tests;

/// <summary>S2, S7, S8: the index refuses what an open for writing must have recorded before it returns.</summary>
public sealed class RefusedMarkTests : IDisposable
{
    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"venus-test-{Guid.NewGuid():N}");
    private readonly MemoryVolume _volume = new();
    private RefusingIndex _index = null!;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>All who wait for one mark are refused with it; none of them makes of what was closed and not stored something clean.</summary>
    [Fact]
    public async Task TwoOpensOfADirtyFile_AreBothRefused_AndItIsStoredAfterACrash()
    {
        TestClient a = await OpenAsync();
        Fid fid = await WriteUnstoredAsync(a);
        (_index.Refuses, _index.Holds) = (true, true);
        Task<Result<IContainer>> first = OpenForWritingAsync(a, fid), second = OpenForWritingAsync(a, fid);
        Assert.False(first.IsCompleted || second.IsCompleted);
        _index.Attempt();
        Assert.Equal(FailureKind.CacheDiskFailed, (await first).Failure.Kind);
        Assert.Equal(FailureKind.CacheDiskFailed, (await second).Failure.Kind);
        Assert.Equal(1, a.Figure("containers.dirty"));
        a.Manager.CheckInvariants();
        _index.Holds = false;
        _index.Attempt();
        await a.CrashAsync();
        _volume.StoreRefusal = default;
        await using TestClient again = await OpenAsync();
        Assert.Equal("closed", await again.ReadAsync(fid));
        await Eventually.BecomesTrueAsync(() => _volume.ContentOf(fid).AsSpan().SequenceEqual("closed"u8));
    }

    /// <summary>Who comes after a mark that failed, and before anybody has noticed, asks for one of his own.</summary>
    [Fact]
    public async Task AnOpenAfterAMarkThatFailed_ReturnsWithItsOwnMark()
    {
        TestClient a = await OpenAsync();
        Fid fid = await a.CreateAsync("f");
        await a.WriteAsync(fid, "base");
        await a.SealAllAsync(); // Until then its row says that it is being written, and an open needs no mark.
        _index.Refuses = true;
        Assert.Equal(FailureKind.CacheDiskFailed, (await OpenForWritingAsync(a, fid)).Failure.Kind);
        _index.Refuses = false;
        IContainer container = (await OpenForWritingAsync(a, fid)).Value;
        RandomAccess.Write(container.Handle, "BA"u8, 0);
        await a.CrashAsync();
        container.Dispose();
        await using TestClient again = await OpenAsync();
        Assert.Equal("BAse", await again.ReadAsync(fid));
    }

    /// <summary>What was stored while the index refused isn't stored once more after a crash, over what another client closed later.</summary>
    [Fact]
    public async Task WhatWasStoredWhileTheIndexRefused_IsRecordedOnceItTakesChangesAgain()
    {
        TestClient a = await OpenAsync();
        Fid fid = await WriteUnstoredAsync(a);
        _index.Refuses = true;
        _volume.StoreRefusal = default;
        Assert.Equal(Failure.None, await a.Manager.Contents.StoreClosedAsync(null, default));
        _index.Attempt();
        Assert.Equal(1, a.Figure("index.unwritten"));
        _index.Refuses = false;
        await _index.FlushAsync();
        Assert.Equal(0, a.Figure("index.unwritten"));
        await using (TestClient b = await TestClient.OpenAsync(_volume))
            await b.WriteAsync(fid, "newer");
        await a.CrashAsync();
        await using TestClient again = await OpenAsync();
        Assert.Equal("newer", await again.ReadAsync(fid));
        Assert.Equal("newer"u8.ToArray(), _volume.ContentOf(fid));
    }

    private static Task<Result<IContainer>> OpenForWritingAsync(TestClient client, Fid fid) =>
        client.Manager.Contents.OpenAsync(fid, forWriting: true, truncate: false, default).AsTask();

    private async Task<Fid> WriteUnstoredAsync(TestClient client)
    {
        Fid fid = await client.CreateAsync("f");
        await client.WriteAsync(fid, "base");
        _volume.StoreRefusal = AbortCodes.NoSpace;
        await client.WriteAsync(fid, "closed");
        return fid;
    }

    private Task<TestClient> OpenAsync() => TestClient.OpenAsync(
        _volume, folder: _folder, wasCleanEnd: false, index: inner => _index = new RefusingIndex(inner));
}
