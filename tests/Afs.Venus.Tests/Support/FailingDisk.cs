using Afs.Platform;

namespace Afs.Venus.Tests;

/// <summary>A disk on which one change of a file fails: a write after half of it, a sync, or a change of length; or one reading.</summary>
internal sealed class FailingDisk(IDisk inner, DiskFailure failure) : PassingDisk(inner)
{
    /// <summary>So many changes from here on succeed before the one that fails; less than none: all do.</summary>
    public int SucceedsFor { get; set; } = -1;

    /// <summary>Readings count, and changes don't.</summary>
    public bool IsOfReadings { get; init; }

    public bool FailsNextSync { get; set; }

    public bool HasFailed { get; private set; }

    protected override IDiskFile Between(IDiskFile file) => new FailingFile(this, file);

    private bool Fails(bool isReading = false)
    {
        if (isReading != IsOfReadings)
            return false;
        bool fails = SucceedsFor == 0;
        HasFailed |= fails;
        if (SucceedsFor >= 0)
            SucceedsFor--;
        return fails;
    }

    private DiskException Failure() => new(failure, "It fails as the test says.");

    private sealed class FailingFile(FailingDisk disk, IDiskFile inner) : PassingFile(inner)
    {
        public override int Read(long offset, Span<byte> destination) =>
            disk.Fails(isReading: true) ? throw disk.Failure() : base.Read(offset, destination);

        public override void Write(long offset, ReadOnlySpan<byte> data)
        {
            if (!disk.Fails())
            {
                base.Write(offset, data);
                return;
            }
            base.Write(offset, data[..(data.Length / 2)]);
            throw disk.Failure();
        }

        public override void SetLength(long lengthBytes)
        {
            if (disk.Fails())
                throw disk.Failure();
            base.SetLength(lengthBytes);
        }

        public override void Sync()
        {
            bool fails = disk.FailsNextSync;
            disk.FailsNextSync = false;
            if (disk.Fails() || fails)
                throw disk.Failure();
            base.Sync();
        }
    }
}
