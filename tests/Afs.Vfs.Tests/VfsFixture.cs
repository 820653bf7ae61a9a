using System.Text;
using Afs.Fuse;
using Afs.Venus.Vfs;

namespace Afs.Vfs.Tests;

/// <summary>A filesystem over the fake cache, driven as the kernel would drive it.</summary>
internal sealed class VfsFixture : IDisposable
{
    public const int ReadOnly = 0, WriteOnly = 1, ReadWrite = 2, Exclusive = 0x80, Truncate = 0x200;

    /// <summary>Passes small files through as well.</summary>
    public static readonly VfsOptions PassingAll = new() { MaxServedBytes = -1 };

    public static readonly FuseRequest Asker = new(new RequestId(1), 1000, 1000, 1, CancellationToken.None);

    private readonly bool _ownsCache;

    public VfsFixture(bool passthrough = true, bool hasEpoch = true, VfsOptions? options = null, MountRecords? records = null, FakeCache? cache = null)
    {
        (Cache, _ownsCache) = (cache ?? new FakeCache(), cache is null);
        FileSystem = new VfsFileSystem(Cache, TimeProvider.System, options ?? PassingAll, records);
        FileSystem.Started(
            new FuseConnectionInfo { Major = 7, Minor = 45, Flags = 0, MaxWriteBytes = 1 << 20, Passthrough = passthrough, HasEpoch = hasEpoch, HasExpireOnly = hasEpoch, HasResend = true },
            Kernel);
    }

    public FakeCache Cache { get; }

    public FakeKernel Kernel { get; } = new();

    public VfsFileSystem FileSystem { get; }

    public async Task<EntryReply> LookupAsync(string name)
    {
        FuseResult<EntryReply> reply = await FileSystem.Lookup(Asker, NodeId.Root, Encoding.Latin1.GetBytes(name));
        Assert.Equal(Errno.None, reply.Error);
        return reply.Value;
    }

    public async Task<OpenReply> OpenAsync(NodeId node, int flags = ReadOnly)
    {
        FuseResult<OpenReply> reply = await FileSystem.Open(Asker, node, flags, killSuidGid: false);
        Assert.Equal(Errno.None, reply.Error);
        return reply.Value;
    }

    public async Task<Errno> OpenErrorAsync(NodeId node, int flags = ReadOnly) => (await FileSystem.Open(Asker, node, flags, killSuidGid: false)).Error;

    public async Task<string> ReadAsync(OpenReply open)
    {
        byte[] buffer = new byte[4096];
        FuseResult<int> count = await FileSystem.Read(Asker, default, open.Handle, 0, buffer);
        return Encoding.UTF8.GetString(buffer, 0, count.Value);
    }

    public async Task WriteAsync(OpenReply open, string text)
    {
        FuseResult<int> count = await FileSystem.Write(Asker, default, open.Handle, 0, Encoding.UTF8.GetBytes(text), WriteTraits.None);
        Assert.Equal(text.Length, count.Value);
    }

    public async Task ReleaseAsync(OpenReply open) => await FileSystem.Release(Asker, default, open.Handle, 0, flockUnlock: false, 0);

    public async Task<AttributesReply> StatAsync(NodeId node)
    {
        FuseResult<AttributesReply> reply = await FileSystem.GetAttributes(Asker, node, null);
        Assert.Equal(Errno.None, reply.Error);
        return reply.Value;
    }

    public void Dispose()
    {
        FileSystem.Dispose();
        if (_ownsCache)
            Cache.Dispose();
    }
}
