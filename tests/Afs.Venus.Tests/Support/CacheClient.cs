using System.Text;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Tests;

/// <summary>What a test does with a cache manager, in a word each.</summary>
internal abstract class CacheClient(CacheManager manager)
{
    public CacheManager Manager => manager;

    public Fid Root => manager.Root;

    public async Task<Fid> CreateAsync(string name, Fid? parent = null, FileType type = FileType.Regular)
    {
        Result<FetchStatus> made = await Manager.Operations.CreateAsync(
            new CreateRequest
            {
                Parent = parent ?? Root,
                Name = MemoryVice.Name(name),
                Type = type,
                Mode = 0x1a4,
                Uid = 1,
                Gid = 1,
                Time = Manager.Operations.Now,
            },
            default);
        Assert.Equal(Failure.None, made.Failure);
        return made.Value.Fid;
    }

    /// <summary>Open, write all, close.</summary>
    public async Task<Failure> WriteAsync(Fid fid, byte[] content)
    {
        using IContainer container = await OpenAsync(fid, forWriting: true, truncate: true);
        RandomAccess.Write(container.Handle, content, 0);
        return await container.StoreAsync(default);
    }

    public Task<Failure> WriteAsync(Fid fid, string content) => WriteAsync(fid, Encoding.UTF8.GetBytes(content));

    public async Task<string> ReadAsync(Fid fid) => Encoding.UTF8.GetString(await ReadBytesAsync(fid));

    public async Task<byte[]> ReadBytesAsync(Fid fid)
    {
        if (!Manager.Contents.TryOpenForReading(fid, proven: null, out IContainer container))
            container = await OpenAsync(fid);
        using (container)
        {
            if (container.Arrival is { } arrival)
                Assert.Equal(Failure.None, await arrival.WaitAsync(long.MaxValue, default));
            return ReadAll(container);
        }
    }

    public async Task<IContainer> OpenAsync(Fid fid, bool forWriting = false, bool truncate = false)
    {
        Result<IContainer> opened = await Manager.Contents.OpenAsync(fid, forWriting, truncate, default);
        Assert.Equal(Failure.None, opened.Failure);
        return opened.Value;
    }

    public static byte[] ReadAll(IContainer container)
    {
        byte[] bytes = new byte[RandomAccess.GetLength(container.Handle)];
        Assert.Equal(bytes.Length, RandomAccess.Read(container.Handle, bytes, 0));
        return bytes;
    }

    public async Task<Fid?> LookupAsync(string name, Fid? parent = null)
    {
        while (true)
        {
            LookupAnswer answer = Manager.Directories.TryLookup(parent ?? Root, MemoryVice.Name(name), out Fid child, out _);
            if (answer != LookupAnswer.Unknown)
                return answer == LookupAnswer.Found ? child : null;
            Assert.Equal(Failure.None, await Manager.Directories.LoadAsync(parent ?? Root, default));
        }
    }

    public async Task<IReadOnlyList<string>> ListAsync(Fid? directory = null)
    {
        DirectoryListing listing;
        while (!Manager.Directories.TryGetListing(directory ?? Root, out listing))
            Assert.Equal(Failure.None, await Manager.Directories.LoadAsync(directory ?? Root, default));
        return [.. listing.Names.Select(static n => MemoryVolume.Text(n.Name))];
    }

    public long Figure(string name) => Manager.ReadFigures().Single(f => f.Name == name).Value;
}
