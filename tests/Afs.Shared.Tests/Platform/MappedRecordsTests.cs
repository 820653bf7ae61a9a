using Afs.Platform;

namespace Afs.Shared.Tests.Platform;

/// <summary>Records in mapped memory on a disk that gets full: a store to a page without room would end the daemon by SIGBUS.</summary>
public sealed class MappedRecordsTests : IDisposable
{
    private const int RecordBytes = 64, ChunkBytes = 1 << 20, BlockBytes = 512;

    private readonly string _folder = Directory.CreateTempSubdirectory("records-test-").FullName;

    private string Records => Path.Combine(_folder, "nodes");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void WhatIsMapped_HasRoomOnTheDisk_BeforeItIsUsed()
    {
        using var records = MappedRecords.Open(Records, RecordBytes, isNew: true);
        Assert.True(records.Count >= ChunkBytes / RecordBytes);
        AssertAllocated();
        records.At(records.Count - 1)[0] = 1;
        AssertAllocated();
        records.At(records.Count + 1)[0] = 2;
        AssertAllocated();
    }

    [Fact]
    public void ASuccessorFindsWhatWasWritten_AndGoesOnBehindIt()
    {
        int last;
        using (var records = MappedRecords.Open(Records, RecordBytes, isNew: true))
        {
            last = records.Count;
            records.At(last)[5] = 7;
        }
        using var again = MappedRecords.Open(Records, RecordBytes, isNew: false);
        Assert.Equal(7, again.At(last)[5]);
        Assert.Equal(0, again.At(again.Count)[5]);
    }

    [Fact]
    public void WhoReadsThemAll_MakesNone_HoweverOften()
    {
        using (var records = MappedRecords.Open(Records, RecordBytes, isNew: true))
            records.At(records.Count)[0] = 1;
        long lengthBytes = 0;
        for (int successor = 0; successor < 3; successor++)
        {
            using var records = MappedRecords.Open(Records, RecordBytes, isNew: false);
            int read = 0;
            for (; read < records.Count && read < 10 * ChunkBytes; read++)
                _ = records.At(read)[0];
            Assert.Equal(2 * ChunkBytes / RecordBytes, read);
            lengthBytes = successor == 0 ? new FileInfo(Records).Length : lengthBytes;
            Assert.Equal(lengthBytes, new FileInfo(Records).Length);
        }
    }

    private void AssertAllocated()
    {
        long blocks = long.Parse(Run("stat", "-c", "%b", Records), System.Globalization.CultureInfo.InvariantCulture);
        Assert.True(blocks * BlockBytes >= new FileInfo(Records).Length, $"{blocks * BlockBytes} of {new FileInfo(Records).Length} bytes are on the disk.");
    }

    private static string Run(string program, params string[] arguments)
    {
        using var process = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return output.Trim();
    }
}
