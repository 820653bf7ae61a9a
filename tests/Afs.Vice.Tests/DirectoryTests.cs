using System.Text;
using Afs.Rpc;
using Afs.Vice.Service;
using Afs.Vice.Tests.Harness;
using Afs.Wire;

namespace Afs.Vice.Tests;

public class DirectoryTests
{
    [Theory, OnEachStore]
    public async Task Pages_follow_each_other_in_the_order_of_bytes(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync();
        string[] names = [.. Enumerable.Range(0, 100).Select(i => $"{(char)('a' + i % 7)}{i * 37 % 100}é")];
        await Task.WhenAll(names.Select(name => a.MakeAsync(root, name)));
        List<byte[]> listed = [];
        FetchDirectoryReply page;
        do
        {
            page = (await a.PageAsync(root, after: listed.LastOrDefault(), most: 7, withStatus: true)).Value;
            Assert.InRange(page.Entries.Count, 1, 7);
            Assert.All(page.Entries, entry => Assert.Equal(entry.Fid, entry.Status!.Fid));
            listed.AddRange(page.Entries.Select(entry => entry.Name));
        }
        while (page.HasMore);
        Assert.Equal(names.Select(Encoding.UTF8.GetBytes).Order(Comparer<byte[]>.Create((x, y) => x.AsSpan().SequenceCompareTo(y))), listed);
    }

    [Fact]
    public async Task Entries_that_come_with_a_status_are_promised()
    {
        using var cell = new TestCell();
        (TestClient a, TestClient b) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid root = await a.RootAsync(), f = await a.MakeAsync(root, "f"), g = await a.MakeAsync(root, "g");
        await b.PageAsync(root, withStatus: true);
        await a.StoreAsync(f, [1], 1);
        await a.StoreAsync(g, [1], 1);
        Assert.Equal([f, g], b.Venus.BrokenFids);
    }

    [Fact]
    public async Task Bad_pages_are_refused()
    {
        using var cell = new TestCell();
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync(), f = await a.MakeAsync(root, "f");
        Assert.Equal(AbortCodes.BadArgument, (await a.PageAsync(root, most: 0)).Abort);
        Assert.Equal(AbortCodes.BadArgument, (await a.PageAsync(root, most: Limits.EntriesPerPage + 1)).Abort);
        Assert.Equal(AbortCodes.NotADirectory, (await a.PageAsync(f)).Abort);
        Assert.Equal(AbortCodes.NoVnode, (await a.PageAsync(f with { Vnode = new VnodeNumber(99) })).Abort);
    }

    /// <summary>
    /// Whatever happens to two directories, any listing of the past with the changes since is the listing of now; where the log is too
    /// short for it the server says so. The seed repeats a failure.
    /// </summary>
    [Theory]
    [InlineData(1, 100_000)]
    [InlineData(2, 100_000)]
    [InlineData(3, 30)]
    [InlineData(4, 30)]
    public async Task A_listing_and_its_delta_are_the_listing_of_now(int seed, int logChanges)
    {
        using var cell = new TestCell(options: new ViceOptions { DirectoryLogChanges = logChanges });
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync();
        Fid[] directories = [await a.MakeAsync(root, "d", FileType.Directory), await a.MakeAsync(root, "e", FileType.Directory)];
        var random = new Random(seed);
        List<(Fid Directory, ulong Version, Dictionary<string, Fid> Names)> past = [];
        int deltas = 0, fullListings = 0;
        for (int i = 0; i < 400; i++)
        {
            await ChangeAsync(a, random, directories);
            Fid directory = directories[random.Next(2)];
            FetchDirectoryReply now = (await a.PageAsync(directory)).Value;
            past.Add((directory, now.Status.DataVersion.Value, Listing(now)));
            (Fid pastDirectory, ulong version, Dictionary<string, Fid> names) = past[random.Next(past.Count)];
            FetchDirectoryReply delta = (await a.PageAsync(pastDirectory, have: version)).Value;
            Dictionary<string, Fid> full = Listing((await a.PageAsync(pastDirectory)).Value);
            if (!delta.IsDelta)
            {
                fullListings++;
                Assert.Equal(full, Listing(delta));
                continue;
            }
            deltas++;
            var applied = new Dictionary<string, Fid>(names);
            foreach (DirectoryChange change in delta.Changes)
            {
                if (change.IsSet)
                    applied[Encoding.UTF8.GetString(change.Name)] = change.Fid;
                else
                    applied.Remove(Encoding.UTF8.GetString(change.Name));
            }
            Assert.Equal(full, applied);
        }
        Assert.True(deltas > 20);
        Assert.Equal(logChanges > 1000, fullListings == 0);
    }

    private static async Task ChangeAsync(TestClient client, Random random, Fid[] directories)
    {
        Fid from = directories[random.Next(2)], to = directories[random.Next(2)];
        (string name, string other) = ($"n{random.Next(12)}", $"n{random.Next(12)}");
        switch (random.Next(5))
        {
            case < 2:
                await client.CreateAsync(from, name);
                break;
            case 2:
                await client.RemoveAsync(from, name);
                break;
            case 3:
                await client.RenameAsync(from, name, to, other);
                break;
            default:
                await client.RenameAsync(from, name, to, other, RenameMode.Exchange);
                break;
        }
    }

    private static Dictionary<string, Fid> Listing(FetchDirectoryReply page)
    {
        Assert.False(page.HasMore);
        return page.Entries.ToDictionary(entry => Encoding.UTF8.GetString(entry.Name), entry => entry.Fid);
    }

    [Fact]
    public async Task After_a_restart_the_whole_listing_comes()
    {
        using var cell = new TestCell(StoreKind.Sqlite);
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync();
        await a.MakeAsync(root, "f");
        cell.Restart();
        a.Attach();
        Assert.False((await a.PageAsync(root, have: 1)).Value.IsDelta);
        Outcome<FetchDirectoryReply> current = await a.PageAsync(root, have: 2);
        Assert.True(current.Value.IsDelta);
        Assert.Empty(current.Value.Changes);
    }
}
