using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Tests;

/// <summary>S7: what a daemon that died leaves behind.</summary>
public sealed class RecoveryTests : IDisposable
{
    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"venus-test-{Guid.NewGuid():N}");
    private readonly MemoryVolume _volume = new();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task CachedFiles_SurviveARestart_WithoutBeingFetchedAgain()
    {
        Fid fid;
        await using (TestClient a = await OpenAsync())
        {
            fid = await a.CreateAsync("f");
            await a.WriteAsync(fid, new string('x', 100_000));
        }
        await using TestClient again = await OpenAsync();
        Assert.Equal(100_000, (await again.ReadBytesAsync(fid)).Length);
        Assert.Equal(0, again.Server.Stub.CountOf("Download"));
        Assert.Equal(1, again.Server.Stub.CountOf("FetchData"));
    }

    [Fact]
    public async Task ChangesThatWereClosed_AreStored_EvenOverANewerVersion()
    {
        TestClient a = await OpenAsync();
        await using TestClient b = await TestClient.OpenAsync(_volume);
        Fid fid = await a.CreateAsync("f");
        _volume.StoreRefusal = AbortCodes.NoSpace;
        await a.WriteAsync(fid, "closed");
        await a.CrashAsync();
        _volume.StoreRefusal = default;
        await b.WriteAsync(fid, "between");
        await using TestClient again = await OpenAsync(wasCleanEnd: false);
        await Eventually.BecomesTrueAsync(() => _volume.ContentOf(fid).AsSpan().SequenceEqual("closed"u8));
        Assert.Equal("closed", await again.ReadAsync(fid));
        Assert.Equal("closed", await b.ReadAsync(fid));
    }

    [Fact]
    public async Task WhatIsWritten_IsStoredForItsWriter_AlsoByTheNextDaemon()
    {
        var writer = new OperationContext(new Caller(1234, 100), CancellationToken.None);
        TestClient a = await OpenAsync();
        Fid fid = await a.CreateAsync("f");
        _volume.StoreRefusal = AbortCodes.NoSpace;
        using (IContainer written = (await a.Manager.Contents.OpenAsync(fid, forWriting: true, truncate: true, writer)).Value)
        {
            RandomAccess.Write(written.Handle, "mine"u8, 0);
            // Whoever asks for the store: it is the writer's.
            await written.StoreAsync(OperationContext.OfClient(CancellationToken.None));
        }
        Assert.Equal(KernelCallers.OfUid(1234), a.Server.Stub.StoredFor);
        await a.CrashAsync();
        _volume.StoreRefusal = default;
        await using TestClient again = await OpenAsync(wasCleanEnd: false);
        await Eventually.BecomesTrueAsync(() => _volume.ContentOf(fid).AsSpan().SequenceEqual("mine"u8));
        Assert.Equal(KernelCallers.OfUid(1234), again.Server.Stub.StoredFor);
    }

    [Fact]
    public async Task ChangesThatWereNeverClosed_AreStored_WhereNobodyElseStored()
    {
        TestClient a = await OpenAsync();
        Fid fid = await a.CreateAsync("f");
        await a.WriteAsync(fid, "base");
        IContainer container = await a.OpenAsync(fid, forWriting: true);
        RandomAccess.Write(container.Handle, "BASE"u8, 0);
        await a.CrashAsync();
        container.Dispose();
        await using TestClient again = await OpenAsync(wasCleanEnd: false);
        Assert.Equal("BASE", await again.ReadAsync(fid));
        Assert.Equal("BASE"u8.ToArray(), _volume.ContentOf(fid));
    }

    /// <summary>It is kept in the container file's own times.</summary>
    [Fact]
    public async Task ATimeThatWasSetBeforeTheClose_SurvivesTheDaemon()
    {
        TestClient a = await OpenAsync();
        Fid fid = await a.CreateAsync("f");
        var past = new Timestamp(1_000_000, 123_456_789);
        IContainer container = await a.OpenAsync(fid, forWriting: true);
        RandomAccess.Write(container.Handle, "content"u8, 0);
        var request = new StoreStatusRequest { Fid = fid, Fields = StatusFields.ModifyTime, ModifyTime = past, ChangeTime = a.Manager.Operations.Now };
        Assert.True((await a.Manager.Operations.SetStatusAsync(request, default)).IsSuccess);
        await a.CrashAsync();
        container.Dispose();
        await using TestClient again = await OpenAsync(wasCleanEnd: false);
        await Eventually.BecomesTrueAsync(
            () => _volume.ContentOf(fid).AsSpan().SequenceEqual("content"u8), () => again.Time.Advance(TimeSpan.FromSeconds(1)));
        Assert.Equal(past, _volume.StatusOf(fid)!.ModifyTime);
    }

    [Fact]
    public async Task ChangesThatWereNeverClosed_AreParked_WhereSomebodyElseStored()
    {
        TestClient a = await OpenAsync();
        await using TestClient b = await TestClient.OpenAsync(_volume);
        Fid fid = await a.CreateAsync("f");
        await a.WriteAsync(fid, "base");
        IContainer container = await a.OpenAsync(fid, forWriting: true);
        RandomAccess.Write(container.Handle, "MINE"u8, 0);
        await a.CrashAsync();
        container.Dispose();
        await b.WriteAsync(fid, "theirs");
        await using TestClient again = await OpenAsync(wasCleanEnd: false);
        Assert.Equal("theirs", await again.ReadAsync(fid));
        string parked = TestClient.ParkedIn(_folder);
        Assert.Equal("MINE", File.ReadAllText(parked));
        Assert.Equal("theirs"u8.ToArray(), _volume.ContentOf(fid));
    }

    /// <summary>A recovery that can't store yet decides again later, by the same rules: what was never closed goes before nobody's close.</summary>
    [Fact]
    public async Task ChangesThatWereNeverClosed_AreParked_AlsoWhereTheFirstAttemptToStoreThemFailed()
    {
        TestClient a = await OpenAsync();
        await using TestClient b = await TestClient.OpenAsync(_volume);
        Fid fid = await a.CreateAsync("f");
        await a.WriteAsync(fid, "base");
        IContainer container = await a.OpenAsync(fid, forWriting: true);
        RandomAccess.Write(container.Handle, "MINE"u8, 0);
        await a.CrashAsync();
        container.Dispose();
        _volume.StoreRefusal = AbortCodes.NoSpace;
        await using TestClient again = await OpenAsync(wasCleanEnd: false);
        await Eventually.BecomesTrueAsync(() => again.Figure("stores.failed") > 0);
        _volume.StoreRefusal = default;
        await b.WriteAsync(fid, "theirs");
        await Eventually.BecomesTrueAsync(() => again.Figure("containers.dirty") == 0, () => again.Time.Advance(TimeSpan.FromSeconds(1)));
        Assert.Equal("theirs", await again.ReadAsync(fid));
        Assert.Equal("theirs"u8.ToArray(), _volume.ContentOf(fid));
        string parked = TestClient.ParkedIn(_folder);
        Assert.Equal("MINE", File.ReadAllText(parked));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AStoreThatRanThoughItsReplyWasLost_IsNotDoneAgain_NorTakenForAnothers(bool isClosed)
    {
        TestClient a = await OpenAsync();
        Fid fid = await a.CreateAsync("f");
        await a.WriteAsync(fid, "base");
        IContainer container = await a.OpenAsync(fid, forWriting: true);
        RandomAccess.Write(container.Handle, "done"u8, 0);
        var stored = new TaskCompletionSource();
        a.Server.Stub.After = name =>
        {
            a.Server.Stub.IsCut = name == "StoreData";
            stored.SetResult();
            return isClosed ? Task.CompletedTask : new TaskCompletionSource().Task;
        };
        ValueTask<Failure> store = container.StoreAsync(default);
        await stored.Task;
        if (isClosed)
            Assert.Equal(FailureKind.InDoubt, (await store).Kind);
        await a.CrashAsync();
        await using TestClient again = await OpenAsync(wasCleanEnd: false);
        Assert.Equal("done", await again.ReadAsync(fid));
        Assert.Equal(0, again.Server.Stub.CountOf("StoreData"));
        Assert.False(Directory.Exists(Path.Combine(_folder, "recovered")));
    }

    /// <summary>Who has it open or mapped writes on behind a store: that isn't a change of the version before, while "another client" stored a newer one.</summary>
    [Fact]
    public async Task WhatIsWrittenBehindAStore_IsStored_WhereTheIndexDoesNotKnowThatTheStoreRan()
    {
        TestClient a = await OpenAsync();
        Fid fid = await a.CreateAsync("f");
        await a.WriteAsync(fid, "base");
        IContainer container = await a.OpenAsync(fid, forWriting: true);
        RandomAccess.Write(container.Handle, "MI"u8, 0);
        Assert.Equal(Failure.None, await container.StoreAsync(default)); // No time goes by: the row follows later.
        RandomAccess.Write(container.Handle, "NE"u8, 2);
        await a.KillAsync();
        container.Dispose();
        await using TestClient again = await OpenAsync(wasCleanEnd: false);
        Assert.Equal("MINE", await again.ReadAsync(fid));
        Assert.Equal("MINE"u8.ToArray(), _volume.ContentOf(fid));
        Assert.False(Directory.Exists(Path.Combine(_folder, "recovered")));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WhatIsWrittenBehindAStore_IsParked_WhereAnotherClientStoredAfterIt(bool hasStoreRun)
    {
        TestClient a = await OpenAsync();
        await using TestClient b = await TestClient.OpenAsync(_volume);
        Fid fid = await a.CreateAsync("f");
        await a.WriteAsync(fid, "base");
        IContainer container = await a.OpenAsync(fid, forWriting: true);
        RandomAccess.Write(container.Handle, "MI"u8, 0);
        if (!hasStoreRun)
            _volume.StoreRefusal = AbortCodes.NoSpace;
        Assert.Equal(hasStoreRun, (await container.StoreAsync(default)).IsNone);
        _volume.StoreRefusal = default;
        RandomAccess.Write(container.Handle, "NE"u8, 2);
        await a.KillAsync();
        container.Dispose();
        await b.WriteAsync(fid, "theirs");
        await using TestClient again = await OpenAsync(wasCleanEnd: false);
        Assert.Equal("theirs", await again.ReadAsync(fid));
        Assert.Equal("theirs"u8.ToArray(), _volume.ContentOf(fid));
        Assert.Equal("MINE", File.ReadAllText(TestClient.ParkedIn(_folder)));
    }

    /// <summary>What was sent and did not arrive is no version: the file still starts from the one before.</summary>
    [Fact]
    public async Task AStoreThatNeverRan_LeavesTheVersionBeforeItAsTheStart()
    {
        TestClient a = await OpenAsync();
        Fid fid = await a.CreateAsync("f");
        await a.WriteAsync(fid, "base");
        IContainer container = await a.OpenAsync(fid, forWriting: true);
        RandomAccess.Write(container.Handle, "MINE"u8, 0);
        _volume.StoreRefusal = AbortCodes.NoSpace;
        Assert.False((await container.StoreAsync(default)).IsNone);
        _volume.StoreRefusal = default;
        await a.KillAsync();
        container.Dispose();
        await using TestClient again = await OpenAsync(wasCleanEnd: false);
        Assert.Equal("MINE", await again.ReadAsync(fid));
        Assert.Equal("MINE"u8.ToArray(), _volume.ContentOf(fid));
        Assert.False(Directory.Exists(Path.Combine(_folder, "recovered")));
    }

    [Fact]
    public async Task AnOpenForWritingWithoutAChange_LeavesNothing()
    {
        TestClient a = await OpenAsync();
        Fid fid = await a.CreateAsync("f");
        await a.WriteAsync(fid, "base");
        IContainer container = await a.OpenAsync(fid, forWriting: true);
        await a.CrashAsync();
        container.Dispose();
        await using TestClient again = await OpenAsync(wasCleanEnd: false);
        Assert.Equal("base", await again.ReadAsync(fid));
        Assert.Equal(0, again.Server.Stub.CountOf("StoreData"));
        Assert.False(Directory.Exists(Path.Combine(_folder, "recovered")));
    }

    [Fact]
    public async Task ATruncationThatWasNeverClosed_IsFound()
    {
        TestClient a = await OpenAsync();
        Fid fid = await a.CreateAsync("f");
        await a.WriteAsync(fid, "base");
        await a.CrashAsync();
        a = await OpenAsync(wasCleanEnd: false);
        IContainer container = await a.OpenAsync(fid, forWriting: true, truncate: true);
        await a.CrashAsync();
        container.Dispose();
        await using TestClient again = await OpenAsync(wasCleanEnd: false);
        Assert.Equal("", await again.ReadAsync(fid));
        Assert.Empty(_volume.ContentOf(fid));
    }

    [Fact]
    public async Task ContentDamagedByAPowerLoss_IsFoundByItsChecksum_AndFetchedAgain()
    {
        TestClient a = await OpenAsync();
        Fid fid = await a.CreateAsync("f");
        await a.WriteAsync(fid, "0123456789");
        string file = Path.Combine(_folder, ContainerFiles.NameOf(a.Files.List().Single()));
        await a.SealAllAsync();
        await a.CrashAsync();
        using (FileStream damaged = File.OpenWrite(file))
            damaged.WriteByte((byte)'x');
        await using TestClient again = await OpenAsync(wasCleanEnd: false, bootId: "another boot");
        Assert.Equal("0123456789", await again.ReadAsync(fid));
        Assert.Equal(1, again.Figure("content.damaged"));
        Assert.Equal(0, again.Server.Stub.CountOf("StoreData"));
    }

    [Fact]
    public async Task ChangesWhoseVnodeIsGone_AreParked()
    {
        TestClient a = await OpenAsync();
        await using TestClient b = await TestClient.OpenAsync(_volume);
        Fid fid = await a.CreateAsync("f");
        IContainer container = await a.OpenAsync(fid, forWriting: true);
        RandomAccess.Write(container.Handle, "orphan"u8, 0);
        await a.CrashAsync();
        container.Dispose();
        await b.Manager.Operations.RemoveAsync(b.Root, "f"u8.ToArray(), false, default);
        await using TestClient again = await OpenAsync(wasCleanEnd: false);
        await Eventually.BecomesTrueAsync(() => Directory.Exists(Path.Combine(_folder, "recovered")) && again.Figure("containers.dirty") == 0);
        Assert.Equal("orphan", File.ReadAllText(TestClient.ParkedIn(_folder)));
    }

    [Fact]
    public async Task FilesWithoutARow_AreDeleted_AndIdsAreNotReused()
    {
        TestClient a = await OpenAsync();
        Fid fid = await a.CreateAsync("f");
        await a.WriteAsync(fid, "x");
        ContainerId used = a.Files.List().Single();
        await a.CrashAsync();
        File.WriteAllText(Path.Combine(_folder, ContainerFiles.NameOf(new ContainerId(0xabcd))), "half a fetch");
        await using TestClient again = await OpenAsync(wasCleanEnd: false);
        Assert.Equal([used], again.Files.List());
        await again.WriteAsync(await again.CreateAsync("g"), "y");
        Assert.All(again.Files.List().Where(id => id != used), id => Assert.True(id.Value > 0xabcd));
    }

    [Fact]
    public async Task AnotherIncarnationOfTheVolume_EmptiesTheCache()
    {
        await using (TestClient a = await OpenAsync())
            await a.WriteAsync(await a.CreateAsync("f"), "x");
        var restored = new MemoryVolume { Incarnation = 2 };
        await using TestClient again = await TestClient.OpenAsync(restored, folder: _folder);
        Assert.Equal(0, again.Figure("containers"));
        Assert.Empty(again.Files.List());
    }

    private Task<TestClient> OpenAsync(bool wasCleanEnd = true, string bootId = "boot") =>
        TestClient.OpenAsync(_volume, folder: _folder, wasCleanEnd: wasCleanEnd, bootId: bootId);
}
