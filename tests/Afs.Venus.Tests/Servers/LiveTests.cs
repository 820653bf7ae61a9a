using Afs.Venus.Cache;
using Afs.Venus.Hosting;
using Afs.Venus.Servers;
using Afs.Wire;

namespace Afs.Venus.Tests;

/// <summary>Over sockets, with the real Vice.</summary>
public class LiveTests
{
    [Fact]
    public async Task TwoClients_SeeEachOthersChangesAtOnce()
    {
        await using LiveCell cell = await LiveCell.StartAsync();
        await using LiveClient a = await cell.ConnectAsync("a");
        await using LiveClient b = await cell.ConnectAsync("b");
        Fid fid = await a.CreateAsync("f");
        for (int round = 0; round < 50; round++)
        {
            (LiveClient writer, LiveClient reader) = round % 2 == 0 ? (a, b) : (b, a);
            Assert.Equal(Failure.None, await writer.WriteAsync(fid, $"round {round}"));
            Assert.Equal($"round {round}", await reader.ReadAsync(fid));
            await writer.CreateAsync($"n{round}");
            Assert.NotNull(await reader.LookupAsync($"n{round}"));
            Assert.Equal(Failure.None, await reader.Manager.Operations.RenameAsync(
                reader.Root, MemoryVice.Name($"n{round}"), reader.Root, MemoryVice.Name($"m{round}"), RenameMode.Replace, default));
            Assert.Null(await writer.LookupAsync($"n{round}"));
            Assert.NotNull(await writer.LookupAsync($"m{round}"));
        }
    }

    /// <summary>A line of 50 KB/s: a file is stored and fetched as long as bytes move, however long that takes.</summary>
    [Fact]
    public async Task AFileThatTakesLongerThanATransferMay_IsStoredAndFetched_OverASlowLine()
    {
        await using LiveCell cell = await LiveCell.StartAsync(lease: TimeSpan.FromSeconds(30));
        await using SlowLink link = cell.LinkTo(bytesPerSecond: 50_000);
        var options = new CacheOptions { Times = new CallTimes { Stall = TimeSpan.FromSeconds(4), PromptBytesPerSecond = 1L << 40 } };
        await using LiveClient a = await cell.ConnectAsync("a", link, options);
        await using LiveClient b = await cell.ConnectAsync("b", link, options);
        Fid fid = await a.CreateAsync("f");
        byte[] content = new byte[350_000];
        new Random(7).NextBytes(content);
        Assert.Equal(Failure.None, await a.WriteAsync(fid, content));
        Assert.Equal(content, await b.ReadBytesAsync(fid));
    }

    [Fact]
    public async Task OwnChanges_KeepTheDirectoryCached()
    {
        await using LiveCell cell = await LiveCell.StartAsync();
        await using LiveClient a = await cell.ConnectAsync("a");
        await a.ListAsync();
        long before = Fetches(a);
        Fid directory = await a.CreateAsync("d", type: FileType.Directory);
        Fid fid = await a.CreateAsync("f");
        IFileOperations operations = a.Manager.Operations;
        Assert.Equal(Failure.None, await operations.RenameAsync(a.Root, "f"u8.ToArray(), a.Root, "g"u8.ToArray(), RenameMode.Replace, default));
        Assert.Equal(Failure.None, (await operations.LinkAsync(fid, a.Root, "h"u8.ToArray(), default)).Failure);
        Assert.Equal(Failure.None, await operations.RemoveAsync(a.Root, "g"u8.ToArray(), isDirectory: false, default));
        Assert.Equal(["d", "h"], await a.ListAsync());
        Assert.True(a.Manager.Statuses.TryGet(fid, out FetchStatus status));
        Assert.Equal(1u, status.LinkCount);
        Assert.Equal(before, Fetches(a));
        Assert.NotEqual(default, directory);
    }

    [Fact]
    public async Task AServerThatRestarted_IsNoticed_AndWhatIsCachedIsValidatedInBulk()
    {
        await using LiveCell cell = await LiveCell.StartAsync();
        await using LiveClient a = await cell.ConnectAsync("a");
        var fids = new List<Fid>();
        for (int i = 0; i < 200; i++)
            fids.Add(await a.CreateAsync($"f{i}"));
        await cell.StopServerAsync();
        await cell.StartServerAsync();
        await Eventually.BecomesTrueAsync(() => a.Figure("trust.lost") > 0 && a.Figure("calls.validate") > 0 && fids.TrueForAll(fid => a.Manager.Statuses.TryGet(fid, out _)));
        Assert.Equal(0, a.Figure("calls.fetch-status"));
        Assert.InRange(a.Figure("calls.validate"), 1, 3);
    }

    [Fact]
    public async Task ASecondDaemonOnTheSameDirectory_IsRefused_AndToldByWhom()
    {
        await using LiveCell cell = await LiveCell.StartAsync();
        await using LiveClient a = await cell.ConnectAsync("a");
        var refused = await Assert.ThrowsAsync<CacheFolderException>(() => cell.ConnectAsync("a"));
        Assert.Contains(Environment.ProcessId.ToString(), refused.Message);
        await using LiveClient b = await cell.ConnectAsync("b");
    }

    private static long Fetches(LiveClient client) => client.Figure("calls.fetch-directory") + client.Figure("calls.fetch-status");
}
