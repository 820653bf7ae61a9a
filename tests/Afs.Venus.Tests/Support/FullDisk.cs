using Afs.Platform;

namespace Afs.Venus.Tests;

/// <summary>A disk on which, at a test's word, no byte of content fits any more.</summary>
internal sealed class FullDisk(IDisk inner) : PassingDisk(inner)
{
    public bool IsFull { get; set; }

    protected override IDiskFile Between(IDiskFile file) => new FullFile(this, file);

    private sealed class FullFile(FullDisk disk, IDiskFile inner) : PassingFile(inner)
    {
        public override void Write(long offset, ReadOnlySpan<byte> data)
        {
            if (disk.IsFull)
                throw new DiskException(DiskFailure.NoSpace, "No space left on device");
            base.Write(offset, data);
        }
    }
}
