using Afs.Platform;

namespace Afs.Shared.Tests.Platform;

public sealed class SparseWriteTests : IDisposable
{
    private const int Block = 65_536;

    private readonly string _folder = Directory.CreateTempSubdirectory("afs-sparse-").FullName;

    [Fact]
    public void Blocks_of_zeros_stay_holes_and_the_rest_is_written()
    {
        byte[] content = new byte[8 * Block + 10];
        new Random(1).NextBytes(content.AsSpan(2 * Block, 3 * Block));
        content[^1] = 1;
        using IDiskFile file = new LinuxDisk(_folder).Open("f", DiskOpenMode.CreateNew);
        file.SetLength(content.Length);
        for (int offset = 0; offset < content.Length; offset += 100_000)
            SparseWrite.Run(file, offset, content.AsSpan(offset, Math.Min(100_000, content.Length - offset)));
        byte[] read = new byte[content.Length];
        Assert.Equal(content.Length, file.Read(0, read));
        Assert.Equal(content, read);
        Assert.Equal([(2L * Block, 5L * Block), (8L * Block, content.Length)], DataRuns.Of(file));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
