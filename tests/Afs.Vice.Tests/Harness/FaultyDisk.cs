using Afs.Platform;

namespace Afs.Vice.Tests.Harness;

/// <summary>A disk whose writes and syncs fail on demand.</summary>
public sealed class FaultyDisk(IDisk inner) : PassingDisk(inner)
{
    /// <summary>Null: all is well.</summary>
    public DiskFailure? WriteFailure { get; set; }

    public DiskFailure? SyncFailure { get; set; }

    public DiskFailure? WritebackFailure { get; set; }

    /// <summary>Bytes that were begun to be written back before any sync.</summary>
    public long EarlyBytes { get; private set; }

    public DiskSpace? Space { get; set; }

    public override DiskSpace GetSpace() => Space ?? base.GetSpace();

    protected override IDiskFile Between(IDiskFile file) => new FaultyFile(this, file);

    private static void Fail(DiskFailure? failure)
    {
        if (failure is { } f)
            throw new DiskException(f, "A planned failure.");
    }

    private sealed class FaultyFile(FaultyDisk owner, IDiskFile inner) : PassingFile(inner)
    {
        public override void Write(long offset, ReadOnlySpan<byte> data)
        {
            Fail(owner.WriteFailure);
            base.Write(offset, data);
        }

        public override void BeginWriteback(long offset, long countBytes)
        {
            Fail(owner.WritebackFailure);
            owner.EarlyBytes += countBytes;
            base.BeginWriteback(offset, countBytes);
        }

        public override void Sync()
        {
            Fail(owner.SyncFailure);
            base.Sync();
        }
    }
}
