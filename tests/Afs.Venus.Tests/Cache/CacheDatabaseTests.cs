using System.Buffers.Binary;
using Afs.Platform;
using Afs.Venus.Cache;
using LiteDB;
using Microsoft.Extensions.Logging.Abstractions;

namespace Afs.Venus.Tests;

/// <summary>The index's database, where it can't be used, is refused with a reason, and stays as it is: nothing in it is lost by that.</summary>
public sealed class CacheDatabaseTests : IDisposable
{
    private static readonly IndexWorkload Work = new(ids: 200, rowsOfBatch: 20);

    private readonly string _folder = Directory.CreateTempSubdirectory("database-test-").FullName;
    private readonly LinuxDisk _disk;

    public CacheDatabaseTests() => _disk = new LinuxDisk(_folder);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void OfANewerFormat_ItIsRefused()
    {
        Fill();
        using (var file = new LiteDbFile(_disk, IndexWorkload.Name))
        {
            byte[] header = new byte[20];
            BinaryPrimitives.WriteUInt32LittleEndian(header, 7);
            BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(16), Crc32C.Of(header.AsSpan(0, 16)));
            file.Write(engine => engine.Upsert("header", [LiteDbFile.Row(0L, header)], BsonAutoId.Int64), outlastsPowerLoss: false);
        }
        Assert.Contains("format 7 is newer", AssertRefused().Message, StringComparison.Ordinal);
    }

    /// <summary>One bit anywhere in the data file or its log, or a file that is shorter than it was, or missing, or another kind of file.</summary>
    [Fact]
    public void Damaged_ItIsRefused_OrNothingIsMissing()
    {
        Fill();
        var random = new Random(9);
        Dictionary<string, byte[]> good = LiteDbFile.FilesOf(IndexWorkload.Name).ToDictionary(static name => name, name => File.ReadAllBytes(Path.Combine(_folder, name)));
        List<ContainerRecord> rows = Open();
        int refused = 0, tries = 150;
        for (int i = 0; i < tries; i++)
        {
            byte[] bytes = [.. good[IndexWorkload.Name]];
            bytes[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
            File.WriteAllBytes(Path.Combine(_folder, IndexWorkload.Name), bytes);
            refused += TryOpen(rows) ? 0 : 1;
            Assert.Equal(bytes, File.ReadAllBytes(Path.Combine(_folder, IndexWorkload.Name)));
        }
        Assert.InRange(refused, tries / 2, tries); // Pages that nothing refers to may be damaged unseen.
        foreach (byte[] bytes in (byte[][])[[], good[IndexWorkload.Name][..9000], "SQLite format 3\0"u8.ToArray(), new byte[100_000]])
        {
            File.WriteAllBytes(Path.Combine(_folder, IndexWorkload.Name), bytes);
            AssertRefused();
        }
        File.WriteAllBytes(Path.Combine(_folder, IndexWorkload.Name), good[IndexWorkload.Name]);
        File.WriteAllBytes(Path.Combine(_folder, IndexWorkload.Name + "-log"), new byte[64]);
        AssertRefused();
        File.WriteAllBytes(Path.Combine(_folder, IndexWorkload.Name + "-log"), good[IndexWorkload.Name + "-log"]);
        Assert.Equal(rows, Open());
    }

    /// <summary>A database of which somebody took rows, though all that is there is in order.</summary>
    [Fact]
    public void WithRowsMissing_ItIsRefused()
    {
        Fill();
        List<ContainerRecord> rows = Open();
        using (var file = new LiteDbFile(_disk, IndexWorkload.Name))
            file.Write(engine => engine.Delete("containers", [new BsonValue((long)rows[0].Id.Value)]), outlastsPowerLoss: false);
        AssertRefused();
    }

    [Fact]
    public void SavedVnodesThatAreDamaged_AreBegunAnew()
    {
        var identity = new VolumeIdentity(1, 2, 3, 4);
        File.WriteAllBytes(Path.Combine(_folder, "vnodes.db"), [.. Enumerable.Repeat((byte)0xA5, 30_000)]);
        using (var saved = new LiteDbSavedVnodes(_disk, "vnodes.db", NullLogger.Instance))
        {
            saved.Begin(identity);
            saved.Save(new SavedChanges { Removed = { identity.Root } });
        }
        using var again = new LiteDbSavedVnodes(_disk, "vnodes.db", NullLogger.Instance);
        again.Begin(identity);
        again.Read(static _ => Assert.Fail("There is none."), static _ => Assert.Fail("There is none."));
    }

    private void Fill()
    {
        ContainerDatabase.Make(_disk, IndexWorkload.Name, []);
        using var database = ContainerDatabase.Open(_disk, IndexWorkload.Name, IndexWorkload.Boot, out _);
        for (int batch = 1; batch <= 20; batch++)
            Work.Write(database, batch);
    }

    private List<ContainerRecord> Open()
    {
        using var database = ContainerDatabase.Open(_disk, IndexWorkload.Name, IndexWorkload.Boot, out List<ContainerRecord> rows);
        return rows;
    }

    private bool TryOpen(List<ContainerRecord> rows)
    {
        try
        {
            Assert.Equal(rows, Open());
            return true;
        }
        catch (DiskException e)
        {
            Assert.Equal(DiskFailure.Failed, e.Failure);
            return false;
        }
    }

    private DiskException AssertRefused()
    {
        byte[] before = File.ReadAllBytes(Path.Combine(_folder, IndexWorkload.Name));
        DiskException refusal = Assert.Throws<DiskException>(() => Open());
        Assert.Equal(DiskFailure.Failed, refusal.Failure);
        Assert.Equal(before, File.ReadAllBytes(Path.Combine(_folder, IndexWorkload.Name)));
        return refusal;
    }
}
