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

    /// <summary>Called before each read, write and sync, on the thread that waits for it.</summary>
    public Action? BeforeContent { get; set; }

    public DiskSpace? Space { get; set; }

    /// <summary>Says how much room there is where <see cref="Space"/> doesn't.</summary>
    public Func<DiskSpace>? Measure { get; set; }

    public override DiskSpace GetSpace() => Space ?? Measure?.Invoke() ?? base.GetSpace();

    protected override IDiskFile Between(IDiskFile file) => new FaultyFile(this, file);

    private static void Fail(DiskFailure? failure)
    {
        if (failure is { } f)
            throw new DiskException(f, "A planned failure.");
    }

    private sealed class FaultyFile(FaultyDisk owner, IDiskFile inner) : PassingFile(inner)
    {
        public override int Read(long offset, Span<byte> destination)
        {
            owner.BeforeContent?.Invoke();
            return base.Read(offset, destination);
        }

        public override void Write(long offset, ReadOnlySpan<byte> data)
        {
            owner.BeforeContent?.Invoke();
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
            owner.BeforeContent?.Invoke();
            Fail(owner.SyncFailure);
            base.Sync();
        }
    }
}
