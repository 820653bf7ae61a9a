using System.Text;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Tests;

/// <summary>A server that brings more names than it may, or names that lead nowhere.</summary>
public class HostileListingTests
{
    private static readonly CacheLimits Small = new() { ReservedFreeBytes = 0, MostListingBytes = 5 << 20, MostListingBytesTogether = 7 << 20 };

    [Fact]
    public void AMillionOfTheLongestNames_MayArrive()
    {
        var names = new NameTable();
        byte[] longest = new byte[Limits.NameBytes];
        names.Set(longest, default, FileType.Regular);
        Assert.InRange(1_000_000 * names.Bytes, 1, new CacheLimits().MostListingBytes);
        Assert.InRange(new CacheLimits().MostListingBytes, 1, new CacheLimits().MostListingBytesTogether);
    }

    [Fact]
    public async Task AListingWithoutEnd_IsGivenUp_AndItIsSaidWhose()
    {
        var log = new RecordingLogger();
        await using TestClient a = await TestClient.OpenAsync(new MemoryVolume(), limits: Small, log: log);
        Fid file = await a.CreateAsync("f"), endless = await a.CreateAsync("endless", type: FileType.Directory);
        Assert.True(a.Manager.Statuses.TryGet(endless, out FetchStatus status));
        int pages = 0;
        a.Server.Stub.Listing = _ => Page(status, pages++, hasMore: true);
        for (int i = 0; i < 3; i++)
        {
            await a.Server.BreakAsync([new PromiseBreak { Fid = endless }]);
            Assert.Equal(FailureKind.ServerMisbehaved, await a.Manager.Directories.LoadAsync(endless, default));
            Assert.InRange(pages, 2, 10);
            pages = 0;
        }
        string line = Assert.Single(log.Lines, static line => line.Contains("is not believed"));
        Assert.Contains("the server", line);
        Assert.Contains(endless.ToString(), line);

        a.Server.Stub.Listing = null;
        await a.Server.BreakAsync([new PromiseBreak { Fid = endless }]);
        Assert.Equal(Failure.None, await a.Manager.Directories.LoadAsync(endless, default));
        Assert.Equal(file, await a.LookupAsync("f"));
    }

    [Fact]
    public async Task ManyListings_HaveTheRoomTogether_AndGiveItBack()
    {
        await using TestClient a = await TestClient.OpenAsync(new MemoryVolume(), limits: Small);
        Fid first = await a.CreateAsync("first", type: FileType.Directory), second = await a.CreateAsync("second", type: FileType.Directory);
        Assert.True(a.Manager.Statuses.TryGet(first, out FetchStatus ofFirst));
        Assert.True(a.Manager.Statuses.TryGet(second, out FetchStatus ofSecond));
        var goOn = new TaskCompletionSource();
        int started = 0, firstPages = 0, secondPages = 0;
        a.Server.Stub.Listing = request => request.Directory == first
            ? Page(Changed(ofFirst), firstPages++, hasMore: firstPages < 3)
            : Page(Changed(ofSecond), secondPages++, hasMore: secondPages < 3);
        a.Server.Stub.Before = async _ =>
        {
            if (firstPages == 2 && Interlocked.Exchange(ref started, 1) == 0)
                await goOn.Task;
        };
        await a.Server.BreakAsync([new PromiseBreak { Fid = first }, new PromiseBreak { Fid = second }]);
        Task<Failure> slow = a.Manager.Directories.LoadAsync(first, default).AsTask();
        await Eventually.BecomesTrueAsync(() => Volatile.Read(ref started) == 1);

        // Each would have room alone: two pages of one are here, and three of the other are too many beside them.
        Assert.Equal(FailureKind.ServerMisbehaved, await a.Manager.Directories.LoadAsync(second, default));
        goOn.SetResult();
        Assert.Equal(Failure.None, await slow);
        secondPages = 0;
        Assert.Equal(Failure.None, await a.Manager.Directories.LoadAsync(second, default));
    }

    [Fact]
    public async Task ChangesUponChanges_MakeNoDirectoryLargerThanAListingMayBe()
    {
        await using TestClient a = await TestClient.OpenAsync(new MemoryVolume(), limits: Small);
        Fid fed = await a.CreateAsync("fed", type: FileType.Directory);
        Assert.True(a.Manager.Statuses.TryGet(fed, out FetchStatus status));
        ulong version = status.DataVersion.Value;
        int deltas = 0;
        Failure failure = Failure.None;
        a.Server.Stub.Listing = request => request.Have == DataVersion.None
            ? Page(Changed(status, version), page: 0, hasMore: false)
            : new FetchDirectoryReply
            {
                Status = Changed(status, ++version),
                IsDelta = true,
                Entries = [],
                Changes = [.. Names(++deltas).Select(name => new DirectoryChange { Name = name, IsSet = true, Fid = status.Fid, Type = FileType.Regular })],
            };
        for (int round = 0; round < 20 && failure.IsNone; round++)
        {
            await a.Server.BreakAsync([new PromiseBreak { Fid = fed }]);
            failure = await a.Manager.Directories.LoadAsync(fed, default);
            Assert.True(a.Manager.Directories.TryGetListing(fed, out DirectoryListing listing));
            Assert.InRange(listing.Names.Sum(static name => (long)name.Name.Length), 1, Small.MostListingBytes);
        }
        Assert.Equal(Failure.None, failure);
        Assert.Equal(20, deltas);
    }

    [Theory, InlineData(3, 60_000), InlineData(1, 131_072)]
    public async Task MoreXattrsThanAVnodeMayHave_AreNotBelieved(int count, int valueBytes)
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        await using TestClient b = await TestClient.OpenAsync(volume);
        Fid fid = await a.CreateAsync("f");
        for (int i = 0; i < count; i++)
        {
            var request = new StoreXattrRequest { Fid = fid, Name = Encoding.UTF8.GetBytes($"user.{i}"), Value = new byte[valueBytes], ChangeTime = a.Manager.Operations.Now };
            Assert.Equal(Failure.None, await a.Manager.Operations.SetXattrAsync(request, default));
        }
        Assert.Equal(FailureKind.ServerMisbehaved, (await b.Manager.Operations.GetXattrsAsync(fid, default)).Failure);
    }

    /// <summary>As the directory is now, though nobody said when it changed.</summary>
    private static FetchStatus Changed(FetchStatus status, ulong? dataVersion = null) =>
        status with { DataVersion = new DataVersion(dataVersion ?? status.DataVersion.Value + 1), StatusVersion = new StatusVersion(status.StatusVersion.Value + (dataVersion ?? 1)) };

    private static FetchDirectoryReply Page(FetchStatus status, int page, bool hasMore) => new()
    {
        Status = status,
        IsDelta = false,
        HasMore = hasMore,
        Entries = [.. Names(page).Select(name => new DirectoryEntry { Name = name, Fid = status.Fid, Type = FileType.Regular })],
        Changes = [],
    };

    /// <summary>4,096 long names of one page, which are those of no other: about a megabyte and a half in memory.</summary>
    private static IEnumerable<byte[]> Names(int page) =>
        Enumerable.Range(0, Limits.EntriesPerPage).Select(i => Encoding.UTF8.GetBytes($"{page:d8}-{i:d8}".PadRight(Limits.NameBytes, 'x')));
}
