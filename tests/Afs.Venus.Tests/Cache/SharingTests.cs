using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Tests;

/// <summary>The contract between two clients of one server: S1, S2, S3.</summary>
public class SharingTests
{
    [Fact]
    public async Task S1_OpenAfterClose_SeesTheNewContent_AndNamesAndStatusToo()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        await using TestClient b = await TestClient.OpenAsync(volume);
        Fid fid = await a.CreateAsync("f");
        Assert.Equal(fid, await b.LookupAsync("f"));
        for (int round = 0; round < 20; round++)
        {
            (TestClient writer, TestClient reader) = round % 2 == 0 ? (a, b) : (b, a);
            Assert.Equal(Failure.None, await writer.WriteAsync(fid, $"round {round}"));
            Assert.Equal($"round {round}", await reader.ReadAsync(fid));
            Result<FetchStatus> status = await reader.Manager.Statuses.GetAsync(fid, default);
            Assert.Equal($"round {round}".Length, status.Value.LengthBytes);
            await writer.CreateAsync($"n{round}");
            Assert.NotNull(await reader.LookupAsync($"n{round}"));
        }
    }

    [Fact]
    public async Task S1_TheKernelIsToldBeforeTheWritersCloseReturns()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        await using TestClient b = await TestClient.OpenAsync(volume);
        Fid fid = await a.CreateAsync("f");
        await b.ReadAsync(fid);
        bool trustedInBreak = true;
        b.Kernel.OnBreak = broken => trustedInBreak = b.Manager.Statuses.TryGet(broken, out _);
        await a.WriteAsync(fid, "x");
        Assert.Contains(fid, b.Kernel.Broken);
        Assert.False(trustedInBreak, "The kernel was told while Venus still trusted the status.");
    }

    [Fact]
    public async Task S2_AnOpenKeepsItsVersion_ANewOpenGetsTheNewOne()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        await using TestClient b = await TestClient.OpenAsync(volume);
        Fid fid = await a.CreateAsync("f");
        await a.WriteAsync(fid, "old");
        using IContainer old = await b.OpenAsync(fid);
        await a.WriteAsync(fid, "new!");
        using IContainer fresh = await b.OpenAsync(fid);
        Assert.Equal("old"u8.ToArray(), TestClient.ReadAll(old));
        Assert.Equal("new!"u8.ToArray(), TestClient.ReadAll(fresh));
        Assert.NotEqual(old.Id, fresh.Id);
        Assert.True(fresh.BaseVersion.Value > old.BaseVersion.Value);
    }

    /// <summary>a closed it, and the kernel's word of that is on its way.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task S1_WhatWasClosedHere_AndStoredElsewhereSince_IsOpenedAsItIsNow(bool forWriting)
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        await using TestClient b = await TestClient.OpenAsync(volume);
        Fid fid = await a.CreateAsync("f");
        using IContainer closed = await a.OpenAsync(fid, forWriting: true);
        RandomAccess.Write(closed.Handle, "old"u8, 0);
        Assert.Equal(Failure.None, await closed.StoreAsync(default));
        Assert.Equal(Failure.None, await b.WriteAsync(fid, "new!"));
        a.Kernel.OnReleasesAwaited = closed.Dispose;

        Assert.False(a.Manager.Contents.TryOpenForReading(fid, proven: null, out _));
        Assert.True(a.Manager.Contents.MayBeClosed(fid));
        using IContainer opened = await a.OpenAsync(fid, forWriting);
        Assert.Equal("new!"u8.ToArray(), TestClient.ReadAll(opened));
    }

    /// <summary>What asks for stores on nobody's behalf (flush, an unmount, a signal) publishes nothing that somebody is in the middle of writing.</summary>
    [Fact]
    public async Task S2_WhatSomebodyIsWriting_IsNotStored_BeforeHisClose()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        Fid fid = await a.CreateAsync("f"), closed = await a.CreateAsync("closed");
        await a.WriteAsync(fid, "old.old.");
        volume.StoreRefusal = AbortCodes.NoSpace;
        await a.WriteAsync(closed, "closed");
        volume.StoreRefusal = default;
        using (IContainer container = await a.OpenAsync(fid, forWriting: true))
        {
            RandomAccess.Write(container.Handle, "NEW."u8, 0);
            Assert.Equal(1, a.Figure("containers.half.written"));
            Assert.Equal(Failure.None, await a.Manager.Contents.StoreClosedAsync(null, default));
            Assert.Equal("old.old."u8.ToArray(), volume.ContentOf(fid));
            Assert.Equal("closed"u8.ToArray(), volume.ContentOf(closed));
            RandomAccess.Write(container.Handle, "new."u8, 4);
            Assert.Equal(Failure.None, await container.StoreAsync(default));
        }
        Assert.Equal("NEW.new."u8.ToArray(), volume.ContentOf(fid));
    }

    [Fact]
    public async Task S2_ProcessesOfOneClientShareWhatIsOpenForWriting()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        await using TestClient b = await TestClient.OpenAsync(volume);
        Fid fid = await a.CreateAsync("f");
        await a.WriteAsync(fid, "base");
        using IContainer writer = await a.OpenAsync(fid, forWriting: true);
        RandomAccess.Write(writer.Handle, "BA"u8, 0);
        await b.WriteAsync(fid, "elsewhere");
        using IContainer reader = await a.OpenAsync(fid);
        Assert.Equal(writer.Id, reader.Id);
        Assert.Equal("BAse"u8.ToArray(), TestClient.ReadAll(reader));
    }

    [Fact]
    public async Task S3_LastCloserWins_NeverAMix_AndTheOverwriteIsCounted()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        await using TestClient b = await TestClient.OpenAsync(volume);
        Fid fid = await a.CreateAsync("f");
        await a.WriteAsync(fid, "0000000000");
        using IContainer one = await a.OpenAsync(fid, forWriting: true);
        using IContainer two = await b.OpenAsync(fid, forWriting: true);
        RandomAccess.Write(one.Handle, "AAAAA"u8, 0);
        RandomAccess.Write(two.Handle, "BBBBB"u8, 5);
        Assert.Equal(Failure.None, await one.StoreAsync(default));
        Assert.Equal(Failure.None, await two.StoreAsync(default));
        one.Dispose();
        two.Dispose();
        Assert.Equal("00000BBBBB", await a.ReadAsync(fid));
        Assert.Equal("00000BBBBB", await b.ReadAsync(fid));
        Assert.Equal(1, volume.Unseen);
        Assert.Equal(1, b.Figure("stores.unseen"));
    }

    [Fact]
    public async Task AfterAStoreOurContentIsTheNewestVersion_AndIsNotFetched()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        Fid fid = await a.CreateAsync("f");
        await a.WriteAsync(fid, "mine");
        int calls = a.Server.Stub.Count;
        Assert.Equal("mine", await a.ReadAsync(fid));
        Assert.Equal(calls, a.Server.Stub.Count);
    }
}
