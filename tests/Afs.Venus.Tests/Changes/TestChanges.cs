using System.Text;
using Afs.Platform;
using Afs.Rpc;
using Afs.Venus.Cache;
using Afs.Wire;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Afs.Venus.Tests;

/// <summary>Changes as the cache would log them.</summary>
internal static class TestChanges
{
    public static readonly VolumeId Volume = new(0x2a);
    public static readonly ClientId Client = new(1, 2);
    public static readonly Caller Alice = new(1000, 1000), Bob = new(1001, 1001);
    public static readonly Fid Root = Fid(1);

    public static Fid Fid(int vnode) => new(Volume, new VnodeNumber((ulong)vnode), new Uniquifier((uint)vnode + 100));

    public static Change Create(Fid made, Fid parent, string name, int salt = 0) => Of(ChangeKind.Create, made, salt) with { Parent = parent, Name = Bytes(name) };

    public static Change Remove(Fid removed, Fid parent, string name, int salt = 0) => Of(ChangeKind.Remove, removed, salt) with { Parent = parent, Name = Bytes(name) };

    public static Change RemoveDirectory(Fid removed, Fid parent, string name) => Of(ChangeKind.RemoveDirectory, removed) with { Parent = parent, Name = Bytes(name) };

    public static Change Link(Fid linked, Fid parent, string name) => Of(ChangeKind.Link, linked) with { Parent = parent, Name = Bytes(name) };

    public static Change Rename(Fid moved, Fid from, string fromName, Fid to, string toName, Fid replaced = default) =>
        Of(ChangeKind.Rename, moved) with { Parent = from, Name = Bytes(fromName), NewParent = to, NewName = Bytes(toName), Other = replaced };

    public static Change Store(Fid file, int content, long lengthBytes = 100) =>
        Of(ChangeKind.StoreContent, file, content) with { Content = new ChangedContent(new ContainerId((ulong)content), lengthBytes, (uint)content * 17) };

    public static Change Status(Fid of, StatusFields fields, int salt = 0) => Of(ChangeKind.StoreStatus, of, salt) with { Fields = fields };

    public static Change Xattr(Fid of, string name) => Of(ChangeKind.StoreXattr, of) with { Name = Bytes(name) };

    /// <summary>Some change, another for each number, of some length.</summary>
    public static Change Any(int number) => (number % 4) switch
    {
        0 => Create(Fid(number + 10), Root, $"file-{number}", number),
        1 => Store(Fid(number + 10), number) with { Caller = Bob },
        2 => Rename(Fid(number + 10), Root, $"file-{number}", Fid(5), $"new-{number}", Fid(number)),
        _ => Status(Fid(number + 10), StatusFields.Mode | StatusFields.ModifyTime, number) with { IsFence = true },
    };

    public static ChangeLog Open(IDisk disk, ChangeLogOptions? options = null, TimeProvider? time = null, IBlockingWork? work = null, ILogger? log = null) =>
        ChangeLog.Open(disk, Volume, Client, time ?? new FakeTime(), work ?? new InlineWork(), options ?? Quiet, log ?? NullLogger.Instance);

    /// <summary>Nothing happens in the background.</summary>
    public static ChangeLogOptions Quiet => new() { SyncInterval = TimeSpan.FromDays(1) };

    /// <summary>What waits in a log.</summary>
    public static List<LoggedChange> Waiting(ChangeLog log)
    {
        List<LoggedChange> waiting = [];
        log.Read(log.Settled.Next, int.MaxValue, waiting);
        return waiting;
    }

    public static bool Same(Change a, Change b) =>
        a.Name.Span.SequenceEqual(b.Name.Span) && a.NewName.Span.SequenceEqual(b.NewName.Span) && a.Request.Span.SequenceEqual(b.Request.Span)
        && a with { Name = default, NewName = default, Request = default } == b with { Name = default, NewName = default, Request = default };

    public static void AssertHolds(ChangeLog log, IEnumerable<Change> expected)
    {
        List<LoggedChange> waiting = Waiting(log);
        Change[] all = [.. expected];
        Assert.Equal(all.Length, waiting.Count);
        for (int i = 0; i < all.Length; i++)
        {
            Assert.Equal(log.Settled.Value + (ulong)i + 1, waiting[i].Number.Value);
            Assert.True(Same(all[i], waiting[i].Change), $"change {waiting[i].Number}");
        }
    }

    public static string[] Segments(IDisk disk) => [.. disk.List(".").Where(static name => name.StartsWith("changes-", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];

    private static Change Of(ChangeKind kind, Fid fid, int salt = 0)
    {
        byte[] request = new byte[salt % 90 + 4];
        new Random(salt).NextBytes(request);
        return new Change { Kind = kind, Operation = (ushort)(200 + (int)kind), Caller = Alice, Object = fid, Request = request };
    }

    private static byte[] Bytes(string name) => Encoding.UTF8.GetBytes(name);
}

/// <summary>Blocking work that waits until a test lets it go.</summary>
internal sealed class HeldWork : IBlockingWork
{
    private readonly SemaphoreSlim _turns = new(0);
    private int _begun;

    public int Begun => Volatile.Read(ref _begun);

    public void LetGo(int count = 1) => _turns.Release(count);

    public async Task<T> RunAsync<T>(Func<T> work)
    {
        Interlocked.Increment(ref _begun);
        await _turns.WaitAsync();
        return work();
    }
}
