using System.Diagnostics;
using System.Text;
using Afs.Rules;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;

namespace Afs.Venus.Tests;

/// <summary>Both ends restart, with real cores and sockets between them, and nothing changed: how many calls until all is warm again.</summary>
public class LiveRestartTests(ITestOutputHelper output)
{
    private const int Folders = 100, FilesPerFolder = 1000, MostCalls = 100;

    [Fact]
    public async Task AHundredThousandCachedFiles_AreWarmAgain_InLessThanAHundredCalls()
    {
        await using LiveCell cell = await LiveCell.StartAsync();
        await cell.StopServerAsync();
        Fill(cell.Metadata);
        await cell.StartServerAsync();
        List<Fid> files;
        await using (LiveClient first = await cell.ConnectAsync("a"))
            files = await ListAllAsync(first);
        Assert.Equal(Folders * FilesPerFolder, files.Count);
        await cell.StopServerAsync();
        await cell.StartServerAsync();

        var time = Stopwatch.StartNew();
        await using LiveClient again = await cell.ConnectAsync("a");
        await Eventually.BecomesTrueAsync(() => again.Manager.Statuses.TryGet(files[^1], out _) && files.TrueForAll(fid => again.Manager.Statuses.TryGet(fid, out _)));
        output.WriteLine($"{files.Count} statuses and {Folders + 1} directories warm in {time.ElapsedMilliseconds} ms, {Calls(again)} calls");

        Assert.Equal(files.Count, (await ListAllAsync(again)).Count);
        Assert.InRange(Calls(again), 1, MostCalls - 1);
        Assert.Equal(0, again.Figure("calls.fetch-status") + again.Figure("calls.fetch-directory"));

        // The server alone.
        await cell.StopServerAsync();
        await cell.StartServerAsync();
        time.Restart();
        await Eventually.BecomesTrueAsync(() => again.Figure("trust.lost") > 0 && files.TrueForAll(fid => again.Manager.Statuses.TryGet(fid, out _)));
        output.WriteLine($"warm in {time.ElapsedMilliseconds} ms after a restart of the server alone, {Calls(again)} calls in all");
        Assert.InRange(Calls(again), 1, MostCalls - 1);
        Assert.Equal(0, again.Figure("calls.fetch-status") + again.Figure("calls.fetch-directory"));
    }

    /// <summary>But for those that renew the lease.</summary>
    private static long Calls(LiveClient client) =>
        client.Manager.ReadFigures().Where(static f => f.Name.StartsWith("calls.", StringComparison.Ordinal) && f.Name != "calls.probe").Sum(static f => f.Value);

    private static async Task<List<Fid>> ListAllAsync(LiveClient client)
    {
        var files = new List<Fid>();
        for (int folder = 0; folder < Folders; folder++)
        {
            Fid fid = (await client.LookupAsync($"folder{folder}"))!.Value;
            Assert.Equal(FilesPerFolder, (await client.ListAsync(fid)).Count);
            for (int file = 0; file < FilesPerFolder; file++)
                files.Add((await client.LookupAsync(NameOf(file), fid))!.Value);
        }
        return files;
    }

    /// <summary>As a hundred thousand creates would, in one transaction.</summary>
    private static void Fill(IMetadataStore metadata)
    {
        using IMetadataTransaction transaction = metadata.BeginTransaction();
        VolumeRecord volume = transaction.ReadVolumes()[0];
        FetchStatus root = transaction.FindVnode(volume.Id, VnodeNumber.Root)!;
        ulong last = volume.LastVnode.Value;
        for (int folder = 0; folder < Folders; folder++)
        {
            FetchStatus directory = Like(root, ++last, FileType.Directory);
            transaction.PutVnode(directory);
            transaction.PutEntry(volume.Id, new EntryRecord(VnodeNumber.Root, Encoding.ASCII.GetBytes($"folder{folder}"), directory.Fid, FileType.Directory));
            for (int file = 0; file < FilesPerFolder; file++)
            {
                FetchStatus made = Like(root, ++last, FileType.Regular);
                transaction.PutVnode(made);
                transaction.PutEntry(volume.Id, new EntryRecord(directory.Fid.Vnode, Encoding.ASCII.GetBytes(NameOf(file)), made.Fid, FileType.Regular));
            }
        }
        transaction.PutVolume(volume with { LastVnode = new VnodeNumber(last), Vnodes = last });
        transaction.Commit();
    }

    private static FetchStatus Like(FetchStatus root, ulong vnode, FileType type) => root with
    {
        Fid = root.Fid with { Vnode = new VnodeNumber(vnode) },
        Type = type,
        LinkCount = type == FileType.Directory ? 2u : 1u,
        Parent = type == FileType.Directory ? root.Fid : default,
    };

    private static string NameOf(int file) => $"some-file-name-{file}.txt";
}
