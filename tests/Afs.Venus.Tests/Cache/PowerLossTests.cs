using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Tests;

/// <summary>S2 and S7: the machine lost its power, and its disk what was not synced. Nothing that may be torn reaches the server.</summary>
public sealed class PowerLossTests : IDisposable
{
    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"venus-test-{Guid.NewGuid():N}");
    private readonly MemoryVolume _volume = new();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task ATornCleanContainer_IsNotStored_WhenRoomIsMade()
    {
        TestClient a = await OpenAsync("before");
        Fid torn = await a.CreateAsync("torn"), other = await a.CreateAsync("other");
        byte[] content = [.. Enumerable.Repeat((byte)1, 90_000)];
        await a.WriteAsync(torn, content);
        await a.CrashAsync();
        string file = Directory.GetFiles(Path.Combine(_folder, "containers"), "*", SearchOption.AllDirectories).Single();
        await File.WriteAllBytesAsync(file, content[..512]);
        await using TestClient b = await TestClient.OpenAsync(_volume);
        await b.WriteAsync(other, content);
        await using TestClient again = await OpenAsync("after", mostBytes: 60_000);
        await again.Manager.Contents.FetchAsync(other, default);
        again.Time.Advance(TimeSpan.FromSeconds(3));
        await again.Manager.Contents.StoreClosedAsync(null, default);
        Assert.Equal(content, _volume.ContentOf(torn));
        Assert.Equal(0, again.Server.Stub.CountOf("StoreData"));
    }

    [Fact]
    public async Task WhatWasNeverClosed_IsParked_EvenWhereNobodyElseStored()
    {
        TestClient a = await OpenAsync("before");
        Fid fid = await a.CreateAsync("f");
        await a.WriteAsync(fid, "base");
        IContainer container = await a.OpenAsync(fid, forWriting: true);
        RandomAccess.Write(container.Handle, "HA"u8, 0);
        await a.CrashAsync();
        container.Dispose();
        await using TestClient again = await OpenAsync("after");
        Assert.Equal("base", await again.ReadAsync(fid));
        Assert.Equal("base"u8.ToArray(), _volume.ContentOf(fid));
        Assert.Equal("HAse", ReadParked());
    }

    [Fact]
    public async Task WhatWasClosedAndNotStored_IsStored()
    {
        TestClient a = await OpenAsync("before");
        Fid fid = await WriteUnstoredAsync(a);
        await a.CrashAsync();
        _volume.StoreRefusal = default;
        await using TestClient again = await OpenAsync("after");
        Assert.Equal("closed", await again.ReadAsync(fid));
        await Eventually.BecomesTrueAsync(() => _volume.ContentOf(fid).AsSpan().SequenceEqual("closed"u8));
    }

    [Fact]
    public async Task WhatWasClosedAndOpenedForWritingAgain_CountsAsNeverClosed()
    {
        TestClient a = await OpenAsync("before");
        Fid fid = await WriteUnstoredAsync(a);
        IContainer container = await a.OpenAsync(fid, forWriting: true);
        RandomAccess.Write(container.Handle, "to"u8, 0);
        await a.CrashAsync();
        container.Dispose();
        _volume.StoreRefusal = default;
        await using TestClient again = await OpenAsync("after");
        Assert.Equal("base", await again.ReadAsync(fid));
        Assert.Equal("toosed", ReadParked());
    }

    /// <summary>Whoever else closes it, and fails, doesn't make it closed.</summary>
    [Fact]
    public async Task WhatSomebodyWrites_IsNeverRecordedAsClosed_ByAStoreThatFails()
    {
        TestClient a = await OpenAsync("before");
        Fid fid = await WriteUnstoredAsync(a);
        IContainer container = await a.OpenAsync(fid, forWriting: true);
        RandomAccess.Write(container.Handle, "to"u8, 0);
        using (IContainer other = await a.OpenAsync(fid))
            Assert.Equal((Failure)AbortCodes.NoSpace, await other.StoreAsync(default));
        await a.CrashAsync();
        container.Dispose();
        _volume.StoreRefusal = default;
        await using TestClient again = await OpenAsync("after");
        Assert.Equal("base", await again.ReadAsync(fid));
        Assert.Equal("toosed", ReadParked());
    }

    /// <summary>A FLUSH is not the last one where a descriptor was doubled: the other writes on.</summary>
    [Fact]
    public async Task WhatIsWrittenOnAfterACloseThatFailed_IsNotClosed()
    {
        TestClient a = await OpenAsync("before");
        Fid fid = await a.CreateAsync("f");
        await a.WriteAsync(fid, "base");
        _volume.StoreRefusal = AbortCodes.NoSpace;
        IContainer container = await a.OpenAsync(fid, forWriting: true);
        RandomAccess.Write(container.Handle, "HA"u8, 0);
        Assert.Equal((Failure)AbortCodes.NoSpace, await container.StoreAsync(default));
        RandomAccess.Write(container.Handle, "LF"u8, 2);
        await a.CrashAsync();
        container.Dispose();
        _volume.StoreRefusal = default;
        await using TestClient again = await OpenAsync("after");
        Assert.Equal("base", await again.ReadAsync(fid));
        Assert.Equal("HALF", ReadParked());
    }

    /// <summary>The server has all of it, and nothing was written after it: what the disk lost is damage, though the index never heard of the store's end.</summary>
    [Fact]
    public async Task WhatWasStored_AndLostSomeOfItsContentThen_IsFetchedAgain()
    {
        TestClient a = await TestClient.OpenAsync(_volume, folder: _folder, bootId: "before", wasCleanEnd: false);
        Fid fid = await a.CreateAsync("f");
        await a.WriteAsync(fid, "base");
        IContainer container = await a.OpenAsync(fid, forWriting: true);
        RandomAccess.Write(container.Handle, "done"u8, 0);
        Assert.Equal(Failure.None, await container.StoreAsync(default));
        container.Dispose();
        await a.KillAsync();
        string file = Directory.GetFiles(Path.Combine(_folder, "containers"), "*", SearchOption.AllDirectories).Single();
        await File.WriteAllBytesAsync(file, new byte[4]);
        // A disk that lost what was written didn't move the file's times.
        await using TestClient again = await TestClient.OpenAsync(
            _volume, folder: _folder, bootId: "after", wasCleanEnd: false, files: static files => new StoppedClockFiles(files));
        Assert.Equal("done", await again.ReadAsync(fid));
        Assert.Equal(1, again.Figure("content.damaged"));
        Assert.Equal(0, again.Server.Stub.CountOf("StoreData"));
        Assert.False(Directory.Exists(Path.Combine(_folder, "recovered")));
    }

    private async Task<Fid> WriteUnstoredAsync(TestClient client)
    {
        Fid fid = await client.CreateAsync("f");
        await client.WriteAsync(fid, "base");
        _volume.StoreRefusal = AbortCodes.NoSpace;
        await client.WriteAsync(fid, "closed");
        return fid;
    }

    private string ReadParked() =>
        File.ReadAllText(TestClient.ParkedIn(_folder));

    private Task<TestClient> OpenAsync(string bootId, long mostBytes = 1 << 30) => TestClient.OpenAsync(
        _volume, folder: _folder, bootId: bootId, wasCleanEnd: false, limits: new CacheLimits { ReservedFreeBytes = 0, MostBytes = mostBytes });
}
