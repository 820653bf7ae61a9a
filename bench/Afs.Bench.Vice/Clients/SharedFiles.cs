using Afs.Wire;

namespace Afs.Bench.Vice.Clients;

/// <summary>Files of 4 KiB that the run works on, in a folder of its own below the root.</summary>
internal sealed class SharedFiles
{
    public const int ContentBytes = 4096;
    private const int MakingAtOnce = 64;

    private readonly LoadClient _maker;
    private readonly Fid _folder;

    private SharedFiles(LoadClient maker, Fid folder)
    {
        _maker = maker;
        _folder = folder;
    }

    public static async Task<SharedFiles> InNewFolderAsync(LoadClient maker) => new(
        maker, await maker.CreateAsync(await maker.RootAsync(), $"clients-{Environment.ProcessId}-{Guid.NewGuid():n}", FileType.Directory));

    /// <summary>Makes files and stores 4 KiB in each.</summary>
    public async Task<StoredFile[]> MakeAsync(string prefix, int count, CancellationToken cancellation)
    {
        byte[] content = new byte[ContentBytes];
        Random.Shared.NextBytes(content);
        var files = new StoredFile[count];
        var limit = new ParallelOptions { MaxDegreeOfParallelism = MakingAtOnce, CancellationToken = cancellation };
        await Parallel.ForEachAsync(Enumerable.Range(0, count), limit, async (i, _) =>
        {
            files[i] = new StoredFile(await _maker.CreateAsync(_folder, $"{prefix}{i}", FileType.Regular));
            await files[i].StoreAsync(_maker, content);
        });
        return files;
    }
}
