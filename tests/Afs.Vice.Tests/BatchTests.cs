using System.Text;
using Afs.Rpc;
using Afs.Vice.Tests.Harness;
using Afs.Wire;

namespace Afs.Vice.Tests;

/// <summary>Batches of changes, and fids that clients give.</summary>
public class BatchTests
{
    [Theory, OnEachStore]
    public async Task A_batch_does_all_that_calls_would_in_its_order(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        (TestClient a, TestClient b) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid root = await a.RootAsync();
        (Fid d, Fid f, Fid g) = await GivenAsync(a, root);
        byte[] first = new byte[100_000], second = new byte[200_000];
        (first[1], second[2]) = (1, 2);
        await a.UploadAsync(new UploadId(1), root.Volume, first);
        await a.UploadAsync(new UploadId(2), root.Volume, second);
        Outcome<ApplyBatchReply> applied = await a.ApplyAsync(
            root.Volume, 1,
            new BatchOperation { Create = a.CreateRequest(root, "d", FileType.Directory) with { Given = d } },
            new BatchOperation { Create = a.CreateRequest(d, "f") with { Given = f } },
            new BatchOperation { StoreData = a.StoreRequest(f, [1, 2], 1) },
            new BatchOperation { Create = a.CreateRequest(root, "g") with { Given = g } },
            new BatchOperation { StoreData = a.StoreRequest(g, first, 1) with { Content = null, Upload = new UploadId(1) } },
            new BatchOperation { StoreData = a.StoreRequest(g, second, 2) with { Content = null, Upload = new UploadId(2) } },
            new BatchOperation { Link = new LinkRequest { Fid = f, Parent = root, Name = "link"u8.ToArray(), Time = a.Now() } },
            new BatchOperation { Rename = Rename(a, root, "g", d, "moved") },
            new BatchOperation { StoreStatus = new StoreStatusRequest { Fid = f, Fields = StatusFields.Mode, Mode = 0x180, ChangeTime = a.Now() } },
            new BatchOperation { StoreXattr = new StoreXattrRequest { Fid = f, Name = "user.x"u8.ToArray(), Value = [9], ChangeTime = a.Now() } },
            new BatchOperation { Remove = new RemoveRequest { Parent = root, Name = "link"u8.ToArray(), IsDirectory = false, Time = a.Now() } });
        Assert.Empty(applied.Value.Refused);
        cell.Restart();
        b.Attach();
        Assert.Equal(["d"], await b.NamesAsync(root));
        Assert.Equal(["f", "moved"], await b.NamesAsync(d));
        FetchStatus status = (await b.StatusAsync(f))!;
        Assert.Equal((0x180u, 1u, 2ul, 6ul, true), (status.Mode, status.LinkCount, status.DataVersion.Value, status.StatusVersion.Value, status.HasXattrs));
        Assert.Equal([1, 2], (await b.FetchAsync(f)).Value.Content!);
        Assert.Equal(second, (await b.DownloadAsync(g, 3)).Value);
        Assert.Empty(LargeContents.Check(cell));
    }

    [Theory, OnEachStore]
    public async Task What_is_refused_leaves_no_trace_and_the_rest_goes_on(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync(), there = await a.MakeAsync(root, "there");
        byte[] content = [1, 2, 3];
        await a.UploadAsync(new UploadId(1), root.Volume, content);
        Outcome<ApplyBatchReply> applied = await a.ApplyAsync(
            root.Volume, 1,
            new BatchOperation { Create = a.CreateRequest(root, "first") },
            new BatchOperation { Create = a.CreateRequest(root, "there") },
            new BatchOperation { StoreData = a.StoreRequest(there, content, 1) with { Content = null, Upload = new UploadId(1), Crc32C = 1 } },
            new BatchOperation { Create = a.CreateRequest(root, "a/b") },
            new BatchOperation { Create = a.CreateRequest(root, "two"), Remove = new RemoveRequest { Parent = root, Name = "there"u8.ToArray(), IsDirectory = false, Time = a.Now() } },
            new BatchOperation(),
            new BatchOperation { Create = a.CreateRequest(root with { Volume = new VolumeId(77) }, "elsewhere") },
            new BatchOperation { Create = a.CreateRequest(root, "last") });
        Assert.Equal(
            [
                new(1, AbortCodes.NameExists), new(2, AbortCodes.ChecksumMismatch), new(3, AbortCodes.BadName), new(4, AbortCodes.BadArgument),
                new(5, AbortCodes.BadArgument), new(6, AbortCodes.BadArgument),
            ],
            applied.Value.Refused);
        Assert.Equal(["first", "last", "there"], await a.NamesAsync(root));
        Assert.Equal(new DataVersion(4), (await a.StatusAsync(root))!.DataVersion);

        // The upload that was not used is still there to be.
        Assert.True((await a.StoreUploadAsync(there, new UploadId(1), content, 1)).IsReply);
    }

    [Theory, OnEachStore]
    public async Task Batches_come_in_order_and_a_repeated_one_has_its_first_reply(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync(), b = await cell.ConnectAsync();
        Fid root = await a.RootAsync();
        await b.RootAsync();
        var first = new ApplyBatchRequest
        {
            Volume = root.Volume,
            Number = new BatchNumber(1),
            Operations = [new BatchOperation { Create = a.CreateRequest(root, "one") }, new BatchOperation { Create = a.CreateRequest(root, "one") }],
        };
        CallContext call = a.Next();
        ApplyBatchReply reply = (await a.Vice.ApplyBatchAsync(first, call)).Value;
        for (int life = 0; life < 2; life++)
        {
            Assert.Equal(WireCodec.ToBytes(reply), WireCodec.ToBytes((await a.Vice.ApplyBatchAsync(first, call)).Value));
            foreach (ulong number in new ulong[] { 0, 3, ulong.MaxValue })
                Assert.Equal(AbortCodes.BatchOutOfOrder, (await a.ApplyAsync(root.Volume, number, new BatchOperation { Create = a.CreateRequest(root, $"{number}") })).Abort);
            cell.Restart();
            a.Attach();
            b.Attach();
        }
        Assert.Equal(["one"], await a.NamesAsync(root));
        Assert.Equal(1u, (await a.LeaseAsync(root.Volume, 0)).Value.LastBatch.Value);
        Assert.Equal(0u, (await b.LeaseAsync(root.Volume, 0)).Value.LastBatch.Value);
        Assert.Empty((await b.ApplyAsync(root.Volume, 1, new BatchOperation { Create = a.CreateRequest(root, "theirs") })).Value.Refused);
        Assert.Empty((await a.ApplyAsync(root.Volume, 2, new BatchOperation { Create = a.CreateRequest(root, "two") })).Value.Refused);

        // It is the client's, and not its session's. So is what was answered: the first answer may be lost with its session.
        BatchOperation[] refused = [new BatchOperation { Create = a.CreateRequest(root, "two") }, new BatchOperation { Create = a.CreateRequest(root, "three") }];
        ApplyBatchReply third = (await a.ApplyAsync(root.Volume, 3, refused)).Value;
        Assert.Equal([new RefusedOperation(0, AbortCodes.NameExists)], third.Refused);
        await a.NewSessionAsync();
        Assert.Equal(third.Refused, (await a.ApplyAsync(root.Volume, 3, refused)).Value.Refused);
        Assert.Equal(["one", "theirs", "three", "two"], (await a.NamesAsync(root)).Order());
        Assert.Equal(3u, (await a.LeaseAsync(root.Volume, 0)).Value.LastBatch.Value);
    }

    [Fact]
    public async Task A_batch_that_cannot_be_stored_changes_nothing_and_keeps_its_number()
    {
        using var cell = new TestCell();
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync();
        cell.Memory.BeforeCommit = static () => throw new Volumes.Metadata.StorageException(Volumes.Metadata.StorageFailure.NoSpace, "full");
        Assert.Equal(AbortCodes.NoSpace, (await a.ApplyAsync(root.Volume, 1, new BatchOperation { Create = a.CreateRequest(root, "f") })).Abort);
        cell.Memory.BeforeCommit = null;
        Assert.Empty(await a.NamesAsync(root));
        Assert.Empty((await a.ApplyAsync(root.Volume, 1, new BatchOperation { Create = a.CreateRequest(root, "f") })).Value.Refused);
    }

    [Fact]
    public async Task Others_are_told_once_of_all_that_a_batch_changed_before_its_reply()
    {
        using var cell = new TestCell();
        (TestClient a, TestClient b) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid root = await a.RootAsync();
        await b.PageAsync(root);
        var acknowledge = new TaskCompletionSource();
        b.Venus.Acknowledge = acknowledge.Task;
        Task applied = a.ApplyAsync(root.Volume, 1, [.. Enumerable.Range(0, 10).Select(i => new BatchOperation { Create = a.CreateRequest(root, $"f{i}") })]).AsTask();
        await Eventually.BecomesTrueAsync(() => b.Venus.Calls.Count == 1);
        await TestCell.StaysPendingAsync(applied);
        acknowledge.SetResult();
        await applied;
        PromiseBreak told = Assert.Single(Assert.Single(b.Venus.Calls).Breaks);
        Assert.Equal(root, told.Fid);
        Assert.Equal(Enumerable.Range(0, 10).Select(i => $"f{i}"), told.Names!.Select(name => Encoding.UTF8.GetString(name.Name)));
        FetchDirectoryReply delta = (await b.PageAsync(root, have: 1)).Value;
        Assert.Equal((true, 10), (delta.IsDelta, delta.Changes.Count));
    }

    [Theory, OnEachStore]
    public async Task A_given_fid_is_used_once_and_in_rising_order_and_is_its_clients(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync(), b = await cell.ConnectAsync();
        Fid root = await a.RootAsync();
        LeaseVnodesReply lease = (await a.LeaseAsync(root.Volume, 5)).Value;
        Fid At(ulong index) => new(root.Volume, new VnodeNumber(lease.First.Value + index), lease.Uniquifier);
        async Task<AbortCode> CreateAsync(TestClient client, string name, Fid given)
        {
            Outcome<CreateReply> made = await client.Vice.CreateAsync(client.CreateRequest(root, name) with { Given = given }, client.Next());
            Assert.True(!made.IsReply || made.Value.Status.Fid == given);
            return made.IsReply ? AbortCode.None : made.Abort;
        }
        Assert.Equal(AbortCodes.FidNotLeased, await CreateAsync(b, "foreign", At(1)));
        Assert.Equal(AbortCode.None, await CreateAsync(a, "a1", At(1)));
        Assert.Equal(AbortCodes.FidNotLeased, await CreateAsync(a, "again", At(1)));
        Assert.Equal(AbortCodes.FidNotLeased, await CreateAsync(a, "descending", At(0)));
        Assert.Equal(AbortCodes.FidNotLeased, await CreateAsync(a, "behind", At(5)));
        Assert.Equal(AbortCodes.FidNotLeased, await CreateAsync(a, "other", At(2) with { Uniquifier = new Uniquifier(lease.Uniquifier.Value + 1) }));
        Assert.Equal(AbortCodes.FidNotLeased, await CreateAsync(a, "volume", At(2) with { Volume = new VolumeId(9) }));
        Assert.Equal(AbortCodes.NameExists, await CreateAsync(a, "a1", At(2)));
        cell.Restart();
        a.Attach();
        b.Attach();
        Assert.Equal(AbortCode.None, await CreateAsync(a, "a2", At(2)));
        Assert.Equal(AbortCodes.FidNotLeased, await CreateAsync(a, "again", At(1)));
        Assert.Equal(AbortCode.None, await CreateAsync(a, "a4", At(4)));
        Assert.Equal(AbortCodes.FidNotLeased, await CreateAsync(a, "used up", At(3)));
        Assert.Equal(["a1", "a2", "a4"], await a.NamesAsync(root));

        // What the server gives by itself comes behind.
        Assert.Equal(lease.First.Value + 5, (await b.MakeAsync(root, "own")).Vnode.Value);
        Assert.Empty(LargeContents.Check(cell));
    }

    [Fact]
    public async Task A_client_has_few_blocks_and_the_oldest_goes()
    {
        using var cell = new TestCell();
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync();
        Assert.Equal(AbortCodes.BadArgument, (await a.LeaseAsync(root.Volume, Limits.VnodesPerLease + 1)).Abort);
        Assert.Equal(AbortCodes.BadArgument, (await a.LeaseAsync(root.Volume, -1)).Abort);
        Assert.Equal(AbortCodes.NoVolume, (await a.LeaseAsync(new VolumeId(9), 1)).Abort);
        List<Fid> firsts = [];
        for (int i = 0; i <= Limits.LeasesPerClient; i++)
        {
            LeaseVnodesReply lease = (await a.LeaseAsync(root.Volume, 10)).Value;
            firsts.Add(new Fid(root.Volume, lease.First, lease.Uniquifier));
        }
        Assert.Equal(AbortCodes.FidNotLeased, (await a.Vice.CreateAsync(a.CreateRequest(root, "f") with { Given = firsts[0] }, a.Next())).Abort);
        Assert.True((await a.Vice.CreateAsync(a.CreateRequest(root, "f") with { Given = firsts[1] }, a.Next())).IsReply);
        Assert.True((await a.Vice.CreateAsync(a.CreateRequest(root, "g") with { Given = firsts[^1] }, a.Next())).IsReply);
    }

    [Fact]
    public async Task A_directory_is_never_moved_below_itself_by_a_batch()
    {
        using var cell = new TestCell();
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync();
        (Fid outer, Fid inner, Fid other) = await GivenAsync(a, root);
        Outcome<ApplyBatchReply> applied = await a.ApplyAsync(
            root.Volume, 1,
            new BatchOperation { Create = a.CreateRequest(root, "outer", FileType.Directory) with { Given = outer } },
            new BatchOperation { Create = a.CreateRequest(outer, "inner", FileType.Directory) with { Given = inner } },
            new BatchOperation { Create = a.CreateRequest(root, "other", FileType.Directory) with { Given = other } },
            new BatchOperation { Rename = Rename(a, root, "outer", inner, "loop") },
            new BatchOperation { Rename = Rename(a, root, "other", inner, "other") },
            new BatchOperation { Rename = Rename(a, root, "outer", other, "loop") });
        Assert.Equal([new(3, AbortCodes.WouldLoop), new(5, AbortCodes.WouldLoop)], applied.Value.Refused);
        Assert.Equal(["other"], await a.NamesAsync(inner));
        Assert.Empty(LargeContents.Check(cell));
    }

    [Fact]
    public async Task A_batch_is_bounded()
    {
        using var cell = new TestCell();
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync();
        BatchOperation[] many = [.. Enumerable.Range(0, Limits.OperationsPerBatch + 1).Select(i => new BatchOperation { Create = a.CreateRequest(root, $"f{i}") })];
        Assert.Equal(AbortCodes.BadArgument, (await a.ApplyAsync(root.Volume, 1, many)).Abort);
        Assert.Equal(AbortCodes.BadArgument, (await a.ApplyAsync(root.Volume, 1)).Abort);
        Assert.Empty((await a.ApplyAsync(root.Volume, 1, many[1..])).Value.Refused);
        Assert.Equal(Limits.OperationsPerBatch, (await a.NamesAsync(root)).Length);
    }

    private static async Task<(Fid, Fid, Fid)> GivenAsync(TestClient client, Fid root)
    {
        LeaseVnodesReply lease = (await client.LeaseAsync(root.Volume, 3)).Value;
        Fid At(ulong index) => new(root.Volume, new VnodeNumber(lease.First.Value + index), lease.Uniquifier);
        return (At(0), At(1), At(2));
    }

    private static RenameRequest Rename(TestClient client, Fid from, string fromName, Fid to, string toName) => new()
    {
        FromParent = from,
        FromName = Encoding.UTF8.GetBytes(fromName),
        ToParent = to,
        ToName = Encoding.UTF8.GetBytes(toName),
        Mode = RenameMode.Replace,
        Time = client.Now(),
    };
}
