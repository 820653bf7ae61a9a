using System.Text;
using Afs.Platform;
using Afs.Rpc;
using Afs.Wire;

namespace Afs.Vice.Tests.Harness;

/// <summary>A client of a <see cref="TestCell"/>, as bare as the contract.</summary>
public sealed class TestClient(TestCell cell, ClientId id)
{
    private ulong _sequence;
    private long _clock;

    public FakeVenus Venus { get; private set; } = new();

    public ClientId Id => id;

    public SessionId Session { get; private set; }

    public IViceService Vice => cell.Server.Service;

    public async Task NewSessionAsync()
    {
        Session = (await cell.Server.Replies.CreateSessionAsync(id, CancellationToken.None))!.Value;
        _sequence = 0;
    }

    public void Attach() => Assert.True(cell.Server.Sessions.Attached(Session, id, Venus));

    public void Detach() => cell.Server.Sessions.Detached(Session, Venus);

    /// <summary>A new connection.</summary>
    public void Reconnect()
    {
        Detach();
        Venus = new FakeVenus();
        Attach();
    }

    public void Contact() => cell.Server.Sessions.Contact(Session);

    public ulong ResetCount => Trust.ResetCount;

    public SessionTrust Trust => cell.Server.Sessions.Trust(Session);

    /// <summary>The context of a next call.</summary>
    public CallContext Next() => new() { Id = new CallId(id, Session, new CallSequence(Interlocked.Increment(ref _sequence))) };

    public Timestamp Now() => new(1_700_000_000 + ++_clock, (uint)_clock);

    public async Task<Fid> RootAsync() => (await Vice.GetVolumeAsync(new GetVolumeRequest { Name = "root" }, Next())).Value.Root;

    public CreateRequest CreateRequest(Fid parent, string? name, FileType type = FileType.Regular) => new()
    {
        Parent = parent,
        Name = name is null ? null : Encoding.UTF8.GetBytes(name),
        Type = type,
        Mode = type == FileType.Directory ? 0x1EDu : 0x1A4u,
        Uid = 1000,
        Gid = 1000,
        SymlinkTarget = type == FileType.Symlink ? "target"u8.ToArray() : null,
        Time = Now(),
    };

    public ValueTask<Outcome<CreateReply>> CreateAsync(Fid parent, string? name, FileType type = FileType.Regular) =>
        Vice.CreateAsync(CreateRequest(parent, name, type), Next());

    public async Task<Fid> MakeAsync(Fid parent, string? name, FileType type = FileType.Regular) =>
        (await CreateAsync(parent, name, type)).Value.Status.Fid;

    public ValueTask<Outcome<LeaseVnodesReply>> LeaseAsync(VolumeId volume, int count) =>
        Vice.LeaseVnodesAsync(new LeaseVnodesRequest { Volume = volume, Count = count }, Next());

    public ValueTask<Outcome<AcquireTokensReply>> AcquireAsync(params Fid[] fids) =>
        Vice.AcquireTokensAsync(new AcquireTokensRequest { Fids = fids }, Next());

    /// <summary>Claims what it held before a restart.</summary>
    public async Task<TokenOutcome[]> ClaimAsync(bool hasMore, params Fid[] fids) =>
        OutcomesOf(await Vice.AcquireTokensAsync(new AcquireTokensRequest { Fids = fids, IsReclaim = true, HasMore = hasMore }, Next()));

    public async Task<TokenOutcome> AcquireOneAsync(Fid fid) => Assert.Single(OutcomesOf(await AcquireAsync(fid)));

    public async Task ReturnAsync(params Fid[] fids) => Assert.True((await Vice.ReturnTokensAsync(new ReturnTokensRequest { Fids = fids }, Next())).IsReply);

    public LockNumber LastLock { get; private set; }

    public LockNumber NextLock() => LastLock = LastLock.Next;

    /// <summary>Locks the whole file, or lets go.</summary>
    public SetLockRequest LockRequest(Fid fid, LockMode mode, ulong owner = 1, bool waits = true)
    {
        LockNumber number = NextLock();
        return new SetLockRequest { Fid = fid, Range = new LockRange(0, ulong.MaxValue, false, mode, new LockOwner(owner), 7), Waits = waits, Number = number, AnsweredBelow = number };
    }

    public async Task<SetLockReply> LockAsync(Fid fid, LockMode mode, ulong owner = 1, bool waits = true) =>
        (await Vice.SetLockAsync(LockRequest(fid, mode, owner, waits), Next())).Value;

    public async Task<bool> ReturnLocksAsync(Fid fid, LockTokenNumber token, params LockRange[] held) =>
        (await Vice.ReturnLocksAsync(new ReturnLocksRequest { Fid = fid, Token = token, Held = held, Waiting = [] }, Next())).IsReply;

    public async Task<ReclaimLocksReply> ReclaimLocksAsync(LockFence fence, params ClaimedLocks[] locks) =>
        (await Vice.ReclaimLocksAsync(new ReclaimLocksRequest { Fence = fence, Number = NextLock(), Locks = locks }, Next())).Value;

    /// <summary>What became of its requests for locks, decision by decision.</summary>
    public IReadOnlyList<(LockNumber Number, LockVerdict Verdict)> Decisions => [.. Venus.Decided.SelectMany(static call => call.Decisions).Select(static decision => (decision.Number, decision.Verdict))];

    /// <summary>A batch whose objects are under its session's tokens.</summary>
    public async Task<bool> ApplyWithTokensAsync(VolumeId volume, ulong number, params BatchOperation[] operations)
    {
        var request = new ApplyBatchRequest { Volume = volume, Number = new BatchNumber(number), TakesTokens = true, Operations = operations };
        ApplyBatchReply reply = (await Vice.ApplyBatchAsync(request, Next())).Value;
        Assert.Empty(reply.Refused);
        return reply.HasTokens;
    }

    private static TokenOutcome[] OutcomesOf(Outcome<AcquireTokensReply> reply) => [.. reply.Value.Grants.Select(static grant => grant.Outcome)];

    public ValueTask<Outcome<ApplyBatchReply>> ApplyAsync(VolumeId volume, ulong number, params BatchOperation[] operations) =>
        Vice.ApplyBatchAsync(new ApplyBatchRequest { Volume = volume, Number = new BatchNumber(number), Operations = operations }, Next());

    public ValueTask<Outcome<RemoveReply>> RemoveAsync(Fid parent, string name, bool isDirectory = false, Fid expected = default) =>
        Vice.RemoveAsync(
            new RemoveRequest { Parent = parent, Name = Encoding.UTF8.GetBytes(name), IsDirectory = isDirectory, Time = Now(), Expected = expected },
            Next());

    public ValueTask<Outcome<RenameReply>> RenameAsync(Fid from, string fromName, Fid to, string toName, RenameMode mode = RenameMode.Replace) =>
        Vice.RenameAsync(
            new RenameRequest
            {
                FromParent = from,
                FromName = Encoding.UTF8.GetBytes(fromName),
                ToParent = to,
                ToName = Encoding.UTF8.GetBytes(toName),
                Mode = mode,
                Time = Now(),
            },
            Next());

    public ValueTask<Outcome<LinkReply>> LinkAsync(Fid fid, Fid parent, string name) =>
        Vice.LinkAsync(new LinkRequest { Fid = fid, Parent = parent, Name = Encoding.UTF8.GetBytes(name), Time = Now() }, Next());

    public ValueTask<Outcome<StoreXattrReply>> SetXattrAsync(Fid fid, ReadOnlySpan<byte> name, byte[]? value) =>
        Vice.StoreXattrAsync(new StoreXattrRequest { Fid = fid, Name = name.ToArray(), Value = value, ChangeTime = Now() }, Next());

    public StoreDataRequest StoreRequest(Fid fid, byte[] content, ulong @base) => new()
    {
        Fid = fid,
        Base = new DataVersion(@base),
        LengthBytes = content.Length,
        Crc32C = Crc32C.Of(content),
        Content = content,
        AllocatedBytes = content.Length,
        ModifyTime = Now(),
        ChangeTime = Now(),
    };

    public ValueTask<Outcome<StoreDataReply>> StoreAsync(Fid fid, byte[] content, ulong @base) =>
        Vice.StoreDataAsync(StoreRequest(fid, content, @base), Next());

    /// <summary>Uploads in chunks; null: whatever the request says about the content is left as the content is.</summary>
    public async Task<Outcome<UploadReply>> UploadAsync(UploadId upload, VolumeId volume, byte[] content, int chunkBytes = 50_000)
    {
        byte[] request = WireCodec.ToBytes(new UploadRequest { Upload = upload, Volume = volume });
        Outcome<IBulkSink> opened = await cell.Server.Bulk.OpenSinkAsync(new BulkRequest(request, Next()), content.Length);
        if (!opened.IsReply)
            return opened.As<UploadReply>();
        await using IBulkSink sink = opened.Value;
        for (int offset = 0; offset < content.Length; offset += chunkBytes)
            await sink.WriteAsync(offset, content.AsMemory(offset, Math.Min(chunkBytes, content.Length - offset)), default);
        Outcome<ReadOnlyMemory<byte>> completed = await sink.CompleteAsync(default);
        return completed.IsReply ? WireCodec.FromBytes<UploadReply>(completed.Value) : completed.As<UploadReply>();
    }

    /// <summary>Uploads the parts of a content; in chunks that are no multiple of a block.</summary>
    public async Task<Outcome<UploadReply>> UploadPartsAsync(UploadId upload, Fid fid, ulong @base, byte[] content, IReadOnlyList<Extent> extents, long? announcedBytes = null)
    {
        var parts = new ContentParts { LengthBytes = content.Length, Base = new DataVersion(@base), Extents = extents };
        byte[] request = WireCodec.ToBytes(new UploadRequest { Upload = upload, Volume = fid.Volume, Fid = fid, Parts = parts });
        byte[] sent = [.. extents.SelectMany(e => content[(int)e.OffsetBytes..(int)e.EndBytes])];
        Outcome<IBulkSink> opened = await cell.Server.Bulk.OpenSinkAsync(new BulkRequest(request, Next()), announcedBytes ?? sent.Length);
        if (!opened.IsReply)
            return opened.As<UploadReply>();
        await using IBulkSink sink = opened.Value;
        for (int offset = 0; offset < sent.Length; offset += 50_001)
            await sink.WriteAsync(offset, sent.AsMemory(offset, Math.Min(50_001, sent.Length - offset)), default);
        Outcome<ReadOnlyMemory<byte>> completed = await sink.CompleteAsync(default);
        return completed.IsReply ? WireCodec.FromBytes<UploadReply>(completed.Value) : completed.As<UploadReply>();
    }

    /// <summary>A store whose parts are in the request.</summary>
    public StoreDataRequest PartsRequest(Fid fid, ulong @base, byte[] content, IReadOnlyList<Extent> extents) => StoreRequest(fid, content, @base) with
    {
        Content = [.. extents.SelectMany(e => content[(int)e.OffsetBytes..(int)e.EndBytes])],
        Parts = new ContentParts { LengthBytes = content.Length, Base = new DataVersion(@base), Extents = extents },
        Upload = new UploadId(1_000_000 + _sequence),
    };

    public async Task<Outcome<byte[]>> DownloadAsync(Fid fid, ulong version, IReadOnlyList<Extent> extents)
    {
        byte[] request = WireCodec.ToBytes(new DownloadRequest { Fid = fid, DataVersion = new DataVersion(version), OffsetBytes = 0, LengthBytes = 0, Extents = extents });
        Outcome<IBulkSource> opened = await cell.Server.Bulk.OpenSourceAsync(new BulkRequest(request, Next()));
        if (!opened.IsReply)
            return opened.As<byte[]>();
        await using IBulkSource source = opened.Value;
        byte[] content = new byte[source.LengthBytes];
        for (int offset = 0; offset < content.Length;)
            offset += await source.ReadAsync(offset, content.AsMemory(offset, Math.Min(70_000, content.Length - offset)), default);
        return content;
    }

    public ValueTask<Outcome<StoreDataReply>> StoreUploadAsync(Fid fid, UploadId upload, byte[] content, ulong @base) =>
        Vice.StoreDataAsync(StoreRequest(fid, content, @base) with { Content = null, Upload = upload }, Next());

    public async Task<Outcome<byte[]>> DownloadAsync(Fid fid, ulong version, long offset = 0, long length = long.MaxValue)
    {
        byte[] request = WireCodec.ToBytes(new DownloadRequest
        {
            Fid = fid,
            DataVersion = new DataVersion(version),
            OffsetBytes = offset,
            LengthBytes = length,
        });
        Outcome<IBulkSource> opened = await cell.Server.Bulk.OpenSourceAsync(new BulkRequest(request, Next()));
        if (!opened.IsReply)
            return opened.As<byte[]>();
        await using IBulkSource source = opened.Value;
        byte[] content = new byte[source.LengthBytes];
        Assert.Equal(content.Length, await source.ReadAsync(0, content, default));
        return content;
    }

    public async Task<FetchStatus?> StatusAsync(Fid fid) =>
        (await Vice.FetchStatusAsync(new FetchStatusRequest { Fids = [fid] }, Next())).Value.Statuses[0];

    public ValueTask<Outcome<FetchDataReply>> FetchAsync(Fid fid, ulong have = 0) =>
        Vice.FetchDataAsync(new FetchDataRequest { Fid = fid, Have = new DataVersion(have) }, Next());

    public ValueTask<Outcome<FetchDirectoryReply>> PageAsync(Fid directory, ulong have = 0, byte[]? after = null, int most = 4096, bool withStatus = false) =>
        Vice.FetchDirectoryAsync(
            new FetchDirectoryRequest { Directory = directory, Have = new DataVersion(have), After = after, MostEntries = most, WithStatus = withStatus },
            Next());

    /// <summary>The names of a directory, in order.</summary>
    public async Task<string[]> NamesAsync(Fid directory)
    {
        FetchDirectoryReply reply = (await PageAsync(directory)).Value;
        return [.. reply.Entries.Select(entry => Encoding.UTF8.GetString(entry.Name))];
    }
}
