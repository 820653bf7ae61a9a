using System.Text;
using Afs.Rules;
using Afs.Vice.Salvage;
using Afs.Vice.Tests.Harness;
using Afs.Vice.Volumes.Content;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;

namespace Afs.Vice.Tests;

/// <summary>Each kind of damage is planted, found, and put right where that is possible.</summary>
public class SalvageTests
{
    public static TheoryData<ProblemKind, StoreKind> Repairable => Kinds(
        ProblemKind.NameWithoutVnode,
        ProblemKind.NameWithoutDirectory,
        ProblemKind.WrongEntryType,
        ProblemKind.Orphan,
        ProblemKind.WrongLinkCount,
        ProblemKind.WrongParent,
        ProblemKind.ManyParents,
        ProblemKind.Cycle,
        ProblemKind.ContentWithoutFile,
        ProblemKind.WrongXattrs,
        ProblemKind.WrongVolumeFigures,
        ProblemKind.WrongVnodeLease);

    public static TheoryData<ProblemKind, StoreKind> Lost => Kinds(ProblemKind.BadAccessList, ProblemKind.ContentMissing, ProblemKind.ContentLength, ProblemKind.NoRoot);

    [Theory, OnEachStore]
    public async Task What_a_server_leaves_has_no_problems(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        await FillAsync(cell);
        SalvageReport report = await CheckAsync(cell);
        Assert.Empty(report.Problems);
        Assert.Equal((1, 9, 7, 2), (report.Volumes, report.Vnodes, report.Names, report.Contents));
    }

    [Theory, MemberData(nameof(Repairable))]
    public async Task Damage_is_found_and_put_right(ProblemKind damage, StoreKind kind)
    {
        using var cell = new TestCell(kind);
        Tree tree = await FillAsync(cell);
        ulong incarnation = Incarnation(cell);
        Plant(cell, tree, damage);
        Assert.Contains((await CheckAsync(cell)).Problems, problem => problem.Kind == damage);
        Assert.True(await Salvager(cell).RepairAsync(new Random(1)) > 0);
        Assert.Empty((await CheckAsync(cell)).Problems);
        Assert.NotEqual(incarnation, Incarnation(cell));

        cell.Restart();
        TestClient a = await cell.ConnectAsync();
        Task<CreateReply> create = CreateAsync(a, await a.RootAsync());
        cell.Time.Advance(cell.ServerWait);
        Assert.Equal(FileType.Regular, (await create).Status.Type);
    }

    [Theory, MemberData(nameof(Lost))]
    public async Task What_is_lost_is_reported_and_left_alone(ProblemKind damage, StoreKind kind)
    {
        using var cell = new TestCell(kind);
        Tree tree = await FillAsync(cell);
        Plant(cell, tree, damage);
        Assert.Contains((await CheckAsync(cell)).Problems, problem => problem.Kind == damage && problem.Repair is null);
    }

    [Fact]
    public async Task An_orphan_gets_a_name_in_the_root_and_keeps_its_content()
    {
        using var cell = new TestCell();
        Tree tree = await FillAsync(cell);
        Plant(cell, tree, ProblemKind.Orphan);
        await Salvager(cell).RepairAsync(new Random(1));
        TestClient a = await cell.ConnectAsync();
        Assert.Contains($"salvaged.{tree.Small.Vnode}", await a.NamesAsync(await a.RootAsync()));
        Assert.Equal([1, 2, 3], (await a.FetchAsync(tree.Small)).Value.Content!);
    }

    [Theory, OnEachStore]
    public async Task Scrub_finds_a_flipped_bit_in_a_small_and_in_a_large_content(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        Tree tree = await FillAsync(cell);
        var scrubber = new Scrubber(cell.Metadata.OpenView, Store(cell));
        ScrubReport clean = await scrubber.RunAsync((_, _) => { }, CancellationToken.None);
        Assert.Equal((2, 100_003, 0), (clean.Contents, clean.Bytes, clean.Problems.Count));

        string path = Directory.GetFiles(Path.Combine(cell.Folder, "content"), "*", SearchOption.AllDirectories).Single();
        byte[] bytes = File.ReadAllBytes(path);
        bytes[50_000] ^= 4;
        File.WriteAllBytes(path, bytes);
        Write(cell, transaction =>
        {
            ContentRecord content = transaction.FindContent(tree.Small.Volume, tree.Small.Vnode)!;
            transaction.PutContent(tree.Small.Volume, tree.Small.Vnode, content with { Data = [1, 2, 2] });
        });
        ScrubReport dirty = await scrubber.RunAsync((_, _) => { }, CancellationToken.None);
        Assert.Equal(2, dirty.Problems.Count);
        Assert.All(dirty.Problems, problem => Assert.Equal(ProblemKind.ContentChecksum, problem.Kind));
        File.Delete(path);
        Assert.Contains((await scrubber.RunAsync((_, _) => { }, CancellationToken.None)).Problems, problem => problem.Kind == ProblemKind.ContentMissing);
    }

    private static void Plant(TestCell cell, Tree tree, ProblemKind damage) => Write(cell, transaction =>
    {
        VolumeId volume = tree.Root.Volume;
        switch (damage)
        {
            case ProblemKind.NameWithoutVnode:
                transaction.DeleteVnode(volume, tree.Empty.Vnode);
                break;
            case ProblemKind.NameWithoutDirectory:
                transaction.PutEntry(volume, Entry(tree.Small, "x", tree.Large, FileType.Regular));
                break;
            case ProblemKind.WrongEntryType:
                transaction.PutEntry(volume, Entry(tree.Root, "small", tree.Small, FileType.Fifo));
                break;
            case ProblemKind.Orphan:
                transaction.DeleteEntry(volume, tree.Root.Vnode, "small"u8.ToArray());
                break;
            case ProblemKind.WrongLinkCount:
                Change(transaction, tree.Large, status => status with { LinkCount = 9 });
                Change(transaction, tree.Inner, status => status with { LinkCount = 1 });
                break;
            case ProblemKind.WrongParent:
                Change(transaction, tree.Inner, status => status with { Parent = tree.Root });
                break;
            case ProblemKind.ManyParents:
                transaction.PutEntry(volume, Entry(tree.Root, "again", tree.Inner, FileType.Directory));
                break;
            case ProblemKind.Cycle:
                transaction.DeleteEntry(volume, tree.Root.Vnode, "outer"u8.ToArray());
                transaction.PutEntry(volume, Entry(tree.Inner, "up", tree.Outer, FileType.Directory));
                break;
            case ProblemKind.ContentWithoutFile:
                transaction.PutContent(volume, tree.Empty.Vnode, transaction.FindContent(volume, tree.Small.Vnode)!);
                break;
            case ProblemKind.WrongVolumeFigures:
                transaction.PutVolume(transaction.FindVolume(volume)! with { Vnodes = 77, LastVnode = new VnodeNumber(2) });
                break;
            case ProblemKind.WrongVnodeLease:
                VnodeNumber last = transaction.FindVolume(volume)!.LastVnode;
                transaction.PutVnodeLease(new VnodeLease(volume, last, new VnodeNumber(last.Value + 1), last, new Uniquifier(5), default));
                break;
            case ProblemKind.WrongXattrs:
                Change(transaction, tree.Large, status => status with { HasXattrs = true, Lists = AccessLists.Default });
                Change(transaction, tree.Outer, status => status with { Mode = status.Mode ^ 0x1F, Lists = AccessLists.None });
                break;
            case ProblemKind.BadAccessList:
                transaction.PutXattr(volume, tree.Outer.Vnode, AccessList.AccessName.ToArray(), [2, 0, 0, 0, 1]);
                break;
            case ProblemKind.ContentMissing:
                transaction.DeleteContent(volume, tree.Small.Vnode);
                break;
            case ProblemKind.ContentLength:
                Change(transaction, tree.Large, status => status with { LengthBytes = 5 });
                break;
            default:
                transaction.DeleteVnode(volume, VnodeNumber.Root);
                break;
        }
    });

    private static EntryRecord Entry(Fid directory, string name, Fid target, FileType type) =>
        new(directory.Vnode, Encoding.UTF8.GetBytes(name), target, type);

    private static void Change(IMetadataTransaction transaction, Fid fid, Func<FetchStatus, FetchStatus> change) =>
        transaction.PutVnode(change(transaction.FindVnode(fid.Volume, fid.Vnode)!));

    private static void Write(TestCell cell, Action<IMetadataTransaction> write)
    {
        using IMetadataTransaction transaction = cell.Metadata.BeginTransaction();
        write(transaction);
        transaction.Commit();
    }

    private static async Task<CreateReply> CreateAsync(TestClient client, Fid root) => (await client.CreateAsync(root, "after")).Value;

    private static async Task<Tree> FillAsync(TestCell cell)
    {
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync(), outer = await a.MakeAsync(root, "outer", FileType.Directory), inner = await a.MakeAsync(outer, "inner", FileType.Directory);
        Fid small = await a.MakeAsync(root, "small"), large = await a.MakeAsync(inner, "large"), empty = await a.MakeAsync(inner, "empty");
        await a.StoreAsync(small, [1, 2, 3], 1);
        byte[] content = new byte[100_000];
        new Random(3).NextBytes(content);
        await a.UploadAsync(new UploadId(1), root.Volume, content);
        await a.StoreUploadAsync(large, new UploadId(1), content, 1);
        await a.LinkAsync(large, root, "link");
        Assert.True((await a.SetXattrAsync(outer, AccessList.AccessName, AccessListTests.SomeList)).IsReply);
        Assert.True((await a.SetXattrAsync(outer, AccessList.DefaultName, AccessListTests.SomeList)).IsReply);
        await a.MakeAsync(root, "symlink", FileType.Symlink);
        await a.MakeAsync(root, null);
        await a.MakeAsync(root, null);
        return new Tree(root, outer, inner, small, large, empty);
    }

    private static Task<SalvageReport> CheckAsync(TestCell cell) => Salvager(cell).CheckAsync();

    private static Salvager Salvager(TestCell cell) => new(cell.Metadata, Store(cell));

    private static IContentStore Store(TestCell cell) => LargeContents.StoreOf(cell);

    private static ulong Incarnation(TestCell cell)
    {
        using IMetadataView view = cell.Metadata.OpenView();
        return view.ReadVolumes()[0].Incarnation;
    }

    private static TheoryData<ProblemKind, StoreKind> Kinds(params ProblemKind[] kinds)
    {
        var data = new TheoryData<ProblemKind, StoreKind>();
        foreach (ProblemKind kind in kinds)
        {
            data.Add(kind, StoreKind.Memory);
            data.Add(kind, StoreKind.Sqlite);
        }
        return data;
    }

    private sealed record Tree(Fid Root, Fid Outer, Fid Inner, Fid Small, Fid Large, Fid Empty);
}
