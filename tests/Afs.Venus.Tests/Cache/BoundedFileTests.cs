using Afs.Platform;
using Afs.Venus.Cache;

namespace Afs.Venus.Tests;

/// <summary>Container files that are closed while nobody works on them.</summary>
public sealed class BoundedFileTests : IDisposable
{
    private const int Most = 4;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("venus-bounded-");
    private readonly ContainerFiles _files;

    public BoundedFileTests() => _files = new ContainerFiles(new LinuxDisk(_folder.FullName), Most);

    [Fact]
    public void FilesBeyondTheBound_AreClosed_AndOpenedAgainForTheNextWork()
    {
        List<IDiskFile> open = [.. Enumerable.Range(1, 50).Select(i => Make((ulong)i, (byte)i))];

        Assert.InRange(CountDescriptors(), 0, Most + 1);
        for (int round = 0; round < 3; round++)
        {
            for (int i = 0; i < open.Count; i++)
            {
                byte[] read = new byte[1];
                Assert.Equal(1, open[i].Read(round, read));
                Assert.Equal(i + 1, read[0]);
                open[i].Write(round + 1, read);
            }
            Assert.InRange(CountDescriptors(), 0, Most + 1);
        }
        open.ForEach(static file => file.Dispose());
        Assert.Equal(0, CountDescriptors());
    }

    [Fact]
    public void WhatIsBorrowed_StaysOpen_HoweverManyOthersAreOpened()
    {
        IDiskFile first = Make(1, 1);
        using (BorrowedHandle borrowed = BorrowedHandle.Of(first))
        {
            List<IDiskFile> others = [.. Enumerable.Range(2, 50).Select(i => Make((ulong)i, (byte)i))];

            Assert.False(borrowed.File.IsClosed);
            Assert.Equal(1, borrowed.LengthBytes);
            others.ForEach(static file => file.Dispose());
        }
        first.Dispose();
        Assert.Equal(0, CountDescriptors());
    }

    [Fact]
    public void WhatLosesItsName_IsKeptOpen_WhereThatWasSaid()
    {
        IDiskFile kept = Make(1, 1), lost = Make(2, 2);
        _files.KeepOpen(kept);
        _files.Delete(new ContainerId(1));
        _files.Delete(new ContainerId(2));

        List<IDiskFile> others = [.. Enumerable.Range(3, 50).Select(i => Make((ulong)i, (byte)i))];

        byte[] read = new byte[1];
        Assert.Equal(1, kept.Read(0, read));
        Assert.Equal(DiskFailure.NotFound, Assert.Throws<DiskException>(() => lost.Read(0, read)).Failure);
        others.ForEach(static file => file.Dispose());
        kept.Dispose();
        lost.Dispose();
        Assert.Equal(0, CountDescriptors());
    }

    [Fact]
    public async Task ManyThreads_NeverWorkOnAClosedFile()
    {
        List<IDiskFile> open = [.. Enumerable.Range(1, 30).Select(i => Make((ulong)i, (byte)i))];

        await Task.WhenAll(Enumerable.Range(0, 8).Select(seed => Task.Run(() =>
        {
            var random = new Random(seed);
            byte[] read = new byte[1];
            for (int i = 0; i < 5000; i++)
            {
                int which = random.Next(open.Count);
                Assert.Equal(1, open[which].Read(0, read));
                Assert.Equal(which + 1, read[0]);
                using BorrowedHandle borrowed = BorrowedHandle.Of(open[which]);
                Assert.Equal(1, borrowed.LengthBytes);
            }
        })));

        open.ForEach(static file => file.Dispose());
        Assert.Equal(0, CountDescriptors());
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private IDiskFile Make(ulong id, byte content)
    {
        using (IDiskFile made = _files.Create(new ContainerId(id)))
            made.Write(0, [content]);
        return _files.Open(new ContainerId(id));
    }

    /// <summary>Of this test's folder.</summary>
    private int CountDescriptors() =>
        Directory.EnumerateFiles("/proc/self/fd").Count(fd => new FileInfo(fd).LinkTarget is { } target && target.StartsWith(_folder.FullName, StringComparison.Ordinal));
}
