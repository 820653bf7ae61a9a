using System.Text;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Tests;

/// <summary>Two volumes in one cache, each over a server of its own, whose vnodes have the same numbers: the containers are shared, and nothing else.</summary>
public sealed class TwoVolumesTests : IDisposable
{
    private static readonly VolumeId OtherId = new(8);

    private readonly string _folder = Directory.CreateTempSubdirectory("two-volumes-").FullName;
    private readonly MemoryVolume _one = new(), _two = new(OtherId);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task FilesOfTheSameNumbers_AreReadAndWrittenInBoth()
    {
        (TestClient a, MemoryVice second) = await OpenAsync();
        await using TestClient own = a;
        Fid ofOne = await a.CreateAsync("f"), ofTwo = await a.CreateAsync("f", _two.Top);
        Assert.Equal((ofOne.Vnode, ofOne.Uniquifier), (ofTwo.Vnode, ofTwo.Uniquifier));
        Assert.Equal(Failure.None, await a.WriteAsync(ofOne, "in one"));
        Assert.Equal(Failure.None, await a.WriteAsync(ofTwo, "in two"));
        Assert.Equal(("in one", "in two"), (await a.ReadAsync(ofOne), await a.ReadAsync(ofTwo)));
        Assert.Equal(("in one", "in two"), (Text(_one, ofOne), Text(_two, ofTwo)));
        Assert.Equal((ofOne, ofTwo), (await a.LookupAsync("f"), await a.LookupAsync("f", _two.Top)));

        // What another client changes in the second is broken there, and only there.
        await using TestClient b = await TestClient.OpenAsync(_two);
        Assert.Equal(Failure.None, await b.WriteAsync(ofTwo, "by another"));
        Assert.Equal((true, false), (a.Manager.Statuses.TryGet(ofOne, out _), a.Manager.Statuses.TryGet(ofTwo, out _)));
        Assert.Contains(ofTwo, a.Kernel.Broken);
        Assert.DoesNotContain(ofOne, a.Kernel.Broken);
        Assert.Equal(("in one", "by another"), (await a.ReadAsync(ofOne), await a.ReadAsync(ofTwo)));
        Assert.Equal(0, a.Server.Stub.CountOf("FetchData"));
        Assert.Equal(1, second.Stub.CountOf("FetchData"));
    }

    [Fact]
    public async Task NothingIsMovedOrLinkedFromOneToTheOther()
    {
        (TestClient a, _) = await OpenAsync();
        await using TestClient own = a;
        Fid fid = await a.CreateAsync("f");
        IFileOperations operations = a.Manager.Operations;
        Assert.Equal((Failure)AbortCodes.CrossesVolumes, await operations.RenameAsync(a.Root, "f"u8.ToArray(), _two.Top, "f"u8.ToArray(), RenameMode.Replace, default));
        Assert.Equal((Failure)AbortCodes.CrossesVolumes, (await operations.LinkAsync(fid, _two.Top, "f"u8.ToArray(), default)).Failure);
        Assert.Equal(["f"], await a.ListAsync());
        Assert.Empty(await a.ListAsync(_two.Top));
    }

    [Fact]
    public async Task WhatStatfsShows_IsThatOfTheFidsVolume()
    {
        (_one.FreeBytes, _two.FreeBytes) = (1000, 2000);
        (TestClient a, _) = await OpenAsync();
        await using TestClient own = a;
        Assert.Equal(1000, (await a.Manager.Operations.GetVolumeStatusAsync(a.Root, default)).Value.FreeBytes);
        Assert.Equal(2000, (await a.Manager.Operations.GetVolumeStatusAsync(_two.Top, default)).Value.FreeBytes);
    }

    [Fact]
    public async Task WhereTrustInOneIsLost_TheOtherIsStillBelieved()
    {
        (TestClient a, MemoryVice second) = await OpenAsync();
        await using TestClient own = a;
        Fid ofOne = await a.CreateAsync("f"), ofTwo = await a.CreateAsync("f", _two.Top);
        await a.ListAsync();
        await a.ListAsync(_two.Top);
        second.ResetCount++;
        second.Connect();
        await Eventually.BecomesTrueAsync(() => a.Kernel.All > 0);
        Assert.Equal([OtherId], a.Kernel.Volumes);
        Assert.Equal((true, false), (a.Manager.Statuses.TryGet(ofOne, out _), a.Manager.Statuses.TryGet(ofTwo, out _)));
        Assert.Equal((true, false), (a.Manager.Statuses.TryGet(a.Root, out _), a.Manager.Statuses.TryGet(_two.Top, out _)));
        Assert.Equal(LookupAnswer.Found, a.Manager.Directories.TryLookup(a.Root, "f"u8, out _, out _));

        // What a cut off server can't say again, the other one isn't asked for.
        second.Stub.IsCut = true;
        Assert.Equal(FailureKind.Unreachable, (await a.Manager.Statuses.GetAsync(ofTwo, default)).Failure.Kind);
        Assert.Equal(Failure.None, await a.WriteAsync(ofOne, "goes on"));
        second.Stub.IsCut = false;
        await Eventually.BecomesTrueAsync(() => a.Manager.Statuses.TryGet(ofTwo, out _), () => a.Time.Advance(TimeSpan.FromMilliseconds(300)));
    }

    [Fact]
    public async Task WhatIsEvictedIsTheOldest_OfWhicheverVolume()
    {
        const int Bytes = 64 << 10, Files = 4;
        var limits = new CacheLimits { ReservedFreeBytes = 0, MostBytes = 6 * Bytes };
        (TestClient a, _) = await OpenAsync(limits);
        await using TestClient own = a;
        var fids = new List<Fid>();
        foreach (Fid parent in (Fid[])[a.Root, _two.Top])
        {
            for (int i = 0; i < Files; i++)
            {
                fids.Add(await a.CreateAsync($"f{i}", parent));
                Assert.Equal(Failure.None, await a.WriteAsync(fids[^1], new byte[Bytes].Select((_, at) => (byte)(at + 1)).ToArray()));
                await a.SealAllAsync();
            }
        }
        await Eventually.BecomesTrueAsync(() => a.Figure("containers.bytes") <= 6 * Bytes, () => a.Time.Advance(TimeSpan.FromSeconds(1)));
        HashSet<Fid> left = [.. a.Manager.Containers.Select(static container => container.Fid)];
        Assert.DoesNotContain(fids[0], left);
        Assert.DoesNotContain(fids[1], left);
        Assert.Contains(fids[^1], left);
        Assert.Contains(left, static fid => fid.Volume == MemoryVolume.Id);
        Assert.Equal(Bytes, (await a.ReadBytesAsync(fids[0])).Length);
    }

    [Fact]
    public async Task ARestartFindsBoth_AndStoresWhatEachHadLeft()
    {
        (TestClient a, MemoryVice second) = await OpenAsync();
        Fid cleanOne = await a.CreateAsync("clean"), cleanTwo = await a.CreateAsync("clean", _two.Top);
        Fid dirtyOne = await a.CreateAsync("dirty"), dirtyTwo = await a.CreateAsync("dirty", _two.Top);
        await a.WriteAsync(cleanOne, "1");
        await a.WriteAsync(cleanTwo, "2");
        await a.SealAllAsync();
        await a.Manager.SaveNowAsync(isLast: true);
        (a.Server.Stub.IsCut, second.Stub.IsCut) = (true, true);
        Assert.NotEqual(Failure.None, await a.WriteAsync(dirtyOne, "left in one"));
        Assert.NotEqual(Failure.None, await a.WriteAsync(dirtyTwo, "left in two"));
        await Eventually.BecomesTrueAsync(() => a.Manager.Containers.Count(static c => c.Phase == ContainerPhase.Dirty) == 2);
        await a.CrashAsync();

        (TestClient again, MemoryVice secondAgain) = await OpenAsync();
        await using TestClient own = again;
        Assert.Equal(Failure.None, await again.Manager.RevalidateNowAsync());
        Assert.Equal(("1", "2"), (await again.ReadAsync(cleanOne), await again.ReadAsync(cleanTwo)));
        Assert.Equal((0, 0), (again.Server.Stub.CountOf("FetchData"), secondAgain.Stub.CountOf("FetchData")));
        await Eventually.BecomesTrueAsync(
            () => (Text(_one, dirtyOne), Text(_two, dirtyTwo)) == ("left in one", "left in two"), () => again.Time.Advance(TimeSpan.FromSeconds(1)));
    }

    /// <summary>Each volume's own duties try again; those of the other would ask a server that has no such file, and put it aside.</summary>
    [Fact]
    public async Task WhatCouldNotBeStored_IsTriedAgainAtItsOwnServer()
    {
        (TestClient a, MemoryVice second) = await OpenAsync();
        await using TestClient own = a;
        Fid fid = await a.CreateAsync("f", _two.Top);
        second.Stub.IsCut = true;
        Assert.NotEqual(Failure.None, await a.WriteAsync(fid, "later"));
        await PassAsync(a, beats: 8);
        Assert.Equal(1, a.Figure("stores.waiting"));
        second.Stub.IsCut = false;
        await Eventually.BecomesTrueAsync(() => Text(_two, fid) == "later", () => a.Time.Advance(TimeSpan.FromSeconds(1)));
        Assert.Equal(0, a.Figure("recovered"));
    }

    [Fact]
    public async Task WhatAMappingWritesAfterTheLastClose_IsStoredAtItsOwnServer()
    {
        (TestClient a, _) = await OpenAsync();
        await using TestClient own = a;
        Fid fid = await a.CreateAsync("f", _two.Top);
        Assert.Equal(Failure.None, await a.WriteAsync(fid, "0123"));
        using (MappedContainer mapped = await MappedContainer.MapAsync(a, fid))
        {
            await PassAsync(a, beats: 3);
            mapped.Write(0, 'A');
            await Eventually.BecomesTrueAsync(() => Text(_two, fid) == "A123", () => a.Time.Advance(TimeSpan.FromSeconds(1)));
        }
        Assert.Equal(0, a.Figure("recovered"));
    }

    [Fact]
    public async Task AnotherIncarnationOfOne_TakesNothingFromTheOther()
    {
        (TestClient a, _) = await OpenAsync();
        Fid ofOne = await a.CreateAsync("f"), ofTwo = await a.CreateAsync("f", _two.Top);
        await a.WriteAsync(ofOne, "in one");
        await a.WriteAsync(ofTwo, "in two");
        await a.SealAllAsync();
        await a.DisposeAsync();

        await using TestClient again = await TestClient.OpenAsync(_one, folder: _folder);
        await again.OpenVolumeAsync("two", new MemoryVolume(OtherId) { Incarnation = 2 });
        Assert.Equal([ofOne], again.Manager.Containers.Select(static container => container.Fid));
        Assert.Equal(Failure.None, await again.Manager.RevalidateNowAsync());
        Assert.Equal("in one", await again.ReadAsync(ofOne));
        Assert.Equal(0, again.Server.Stub.CountOf("FetchData"));
    }

    /// <summary>Ids are unique in a cell: who says otherwise gets nothing of what is the other's, and takes nothing from it.</summary>
    [Fact]
    public async Task AnotherVolumeOfTheSameId_IsRefused()
    {
        (TestClient a, _) = await OpenAsync();
        await using TestClient own = a;
        Fid fid = await a.CreateAsync("f", _two.Top);
        await a.WriteAsync(fid, "in two");
        await a.SealAllAsync();
        await using var server = new MemoryVice(new MemoryVolume(OtherId) { Incarnation = 2 }, a.Time);
        Assert.Equal(FailureKind.ServerMisbehaved, (await a.Manager.OpenVolumeAsync("three", server, default)).Failure.Kind);
        Assert.Equal([fid], a.Manager.Containers.Select(static container => container.Fid));
        Assert.Equal("in two", await a.ReadAsync(fid));
    }

    /// <summary>What was left of a volume that isn't open waits for it.</summary>
    [Fact]
    public async Task WhatAVolumeLeftThatIsNotOpen_IsStoredWhenItIs()
    {
        (TestClient a, MemoryVice second) = await OpenAsync();
        Fid dirty = await a.CreateAsync("dirty", _two.Top);
        second.Stub.IsCut = true;
        Assert.NotEqual(Failure.None, await a.WriteAsync(dirty, "left"));
        await Eventually.BecomesTrueAsync(() => a.Manager.Containers.Count(static c => c.Phase == ContainerPhase.Dirty) == 1);
        await a.CrashAsync();

        await using TestClient again = await TestClient.OpenAsync(_one, folder: _folder);
        await PassAsync(again, beats: 5);
        Assert.Equal(FailureKind.Refused, (await again.Manager.Contents.OpenAsync(dirty, forWriting: false, truncate: false, default)).Failure.Kind);
        Assert.Equal(1, again.Figure("containers.dirty"));
        await again.OpenVolumeAsync("two", _two);
        await Eventually.BecomesTrueAsync(() => Text(_two, dirty) == "left", () => again.Time.Advance(TimeSpan.FromSeconds(1)));
    }

    private async Task<(TestClient Client, MemoryVice Second)> OpenAsync(CacheLimits? limits = null)
    {
        TestClient client = await TestClient.OpenAsync(_one, limits: limits, folder: _folder);
        return (client, await client.OpenVolumeAsync("two", _two));
    }

    /// <summary>Time for the background's beats, and for what each of them begins.</summary>
    private static async Task PassAsync(TestClient client, int beats)
    {
        for (int beat = 0; beat < beats; beat++)
        {
            client.Time.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(10);
        }
    }

    private static string Text(MemoryVolume volume, Fid fid) => Encoding.UTF8.GetString(volume.ContentOf(fid));
}
