using Afs.Platform;
using Afs.Rpc;

namespace Afs.Vice.Volumes.Content;

/// <summary>
/// Contents that are too large for the metadata, each under an id that is never used again. A content is written once, from its beginning to its end, and never
/// changes; any number of rows may name it (<see cref="RetiredContents"/>).
///
/// What is durable when: a content is there, whole and on stable storage, once <see cref="IContentWriter.CompleteAsync"/> has returned, and the metadata names it only then. Before that
/// a crash may leave all, some or nothing of it; what it leaves is deleted by the store when it is opened again, or is listed, and nothing names it. A delete may be undone by a
/// crash: the content is listed again.
///
/// A store waits for its disk or network where it holds up nobody. What has begun ends, whatever the cancellation says. Failures throw <see cref="DiskException"/>, whatever
/// stands behind. Safe for concurrent use.
/// </summary>
public interface IContentStore
{
    /// <summary>Begins a content. Until it is complete nobody can open it.</summary>
    /// <param name="id">Of no content that ever was.</param>
    /// <exception cref="DiskException">NoSpace: there is no room for what grows.</exception>
    ValueTask<IContentWriter> CreateAsync(ObjectId id, CancellationToken cancellation);

    /// <exception cref="DiskException">NotFound: it isn't there, or no more.</exception>
    ValueTask<IContent> OpenAsync(ObjectId id, CancellationToken cancellation);

    /// <summary>Who has it open reads on: a store that can't let him puts the delete off until he closes it. False: there was none.</summary>
    ValueTask<bool> DeleteAsync(ObjectId id, CancellationToken cancellation);

    /// <summary>All complete contents, some at a time, in no order. One that is made or deleted meanwhile may be among them.</summary>
    IAsyncEnumerable<IReadOnlyList<ObjectId>> ListAsync(CancellationToken cancellation);

    /// <summary>What there is for contents.</summary>
    ValueTask<DiskSpace> GetSpaceAsync(CancellationToken cancellation);
}

/// <summary>A content that is open for reading. Safe for concurrent use.</summary>
public interface IContent : IAsyncDisposable
{
    long LengthBytes { get; }

    /// <summary>Fills all ranges: one wait for all of them, where the store can.</summary>
    /// <exception cref="DiskException">It failed, or a range reaches behind the content's end.</exception>
    ValueTask ReadAsync(ReadOnlyMemory<ContentRange> ranges, CancellationToken cancellation);

    /// <summary>
    /// The next data at or behind an offset, at most so many runs, ascending; between them are zeros. Fewer than <paramref name="most"/>: there are no more. A store that knows no holes
    /// says that all is data.
    /// </summary>
    ValueTask<IReadOnlyList<DataRun>> FindDataAsync(long offset, int most, CancellationToken cancellation);
}

/// <summary>
/// A content as it is written, by one caller, one call at a time. Disposed before it is complete, nothing of it stays.
/// </summary>
public interface IContentWriter : IAsyncDisposable
{
    /// <summary>Written so far.</summary>
    long LengthBytes { get; }

    /// <summary>Adds to the end. Zeros need not take room.</summary>
    /// <exception cref="DiskException">NoSpace: there is no room; nothing was added, and it may be tried again.</exception>
    ValueTask AppendAsync(ReadOnlyMemory<ContentPiece> pieces, CancellationToken cancellation);

    /// <summary>Nothing more comes. The content is on stable storage under its id when this returns; where it throws, there is none.</summary>
    ValueTask CompleteAsync(CancellationToken cancellation);
}

/// <summary>Where bytes of a content go.</summary>
public readonly record struct ContentRange(long OffsetBytes, Memory<byte> Destination);

/// <summary>What is added to a content: bytes, zeros, or what another content has at the same offset, which the store may share instead of copying it.</summary>
/// <param name="Source">Another content of the same store; null: <paramref name="Data"/>, and then zeros.</param>
public readonly record struct ContentPiece(IContent? Source, ReadOnlyMemory<byte> Data, long LengthBytes)
{
    public static ContentPiece Of(ReadOnlyMemory<byte> data) => new(null, data, data.Length);

    public static ContentPiece Zeros(long lengthBytes) => new(null, default, lengthBytes);

    public static ContentPiece Shared(IContent source, long lengthBytes) => new(source, default, lengthBytes);
}

/// <summary>
/// Names one immutable content for ever: the server's life that made it, and a number in that life. So no two are ever the same,
/// and what an earlier life left behind can be told from what this one is making.
/// </summary>
public readonly record struct ObjectId(ulong Value)
{
    private const int NumberBits = 40;

    /// <summary>Numbers of one life: a thousand contents a second for 34 years.</summary>
    public const ulong MostNumber = (1UL << NumberBits) - 1;

    /// <summary>Lives: a restart each minute for 31 years.</summary>
    public const ulong MostEpoch = (1UL << 64 - NumberBits) - 1;

    public static readonly ObjectId None = new(0);

    /// <summary>Never another content's: what doesn't fit throws.</summary>
    public static ObjectId Make(Epoch epoch, ulong number)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(epoch.Value, MostEpoch);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(number, MostNumber);
        return new(epoch.Value << NumberBits | number);
    }

    /// <summary>
    /// The life that made it. Of an id as programs before metadata format 4 made it, with 32 bits for each, it is lower than the true one, and so
    /// lower than that of any life since.
    /// </summary>
    public Epoch Epoch => new(Value >> NumberBits);

    public override string ToString() => Value.ToString("x16");
}

/// <summary>The ids of what one life of the server makes. Safe for concurrent use.</summary>
/// <param name="firstNumber">Of what this life makes.</param>
public sealed class ObjectIds(Epoch epoch, ulong firstNumber = 1)
{
    private long _lastNumber = (long)firstNumber - 1;

    /// <exception cref="DiskException">There are no more.</exception>
    public ObjectId Next()
    {
        ulong number = (ulong)Interlocked.Increment(ref _lastNumber);
        return number <= ObjectId.MostNumber
            ? ObjectId.Make(epoch, number)
            : throw new DiskException(DiskFailure.Failed, "This life of the server has used all its numbers of contents: restart it.");
    }
}

internal static class ContentCalls
{
    /// <summary>Fills the buffer from an offset on.</summary>
    public static ValueTask ReadAsync(this IContent content, long offset, Memory<byte> destination, CancellationToken cancellation) =>
        content.ReadAsync(new[] { new ContentRange(offset, destination) }, cancellation);

    public static ValueTask AppendAsync(this IContentWriter writer, ReadOnlyMemory<byte> data, CancellationToken cancellation) =>
        writer.AppendAsync(new[] { ContentPiece.Of(data) }, cancellation);

    /// <summary>All data, without the holes.</summary>
    public static async ValueTask<List<(long Start, long End)>> FindAllDataAsync(this IContent content, CancellationToken cancellation)
    {
        const int RunsAtOnce = 4096;
        List<(long, long)> all = [];
        IReadOnlyList<DataRun> some;
        long offset = 0;
        do
        {
            some = await content.FindDataAsync(offset, RunsAtOnce, cancellation);
            all.AddRange(some.Select(static run => (run.StartBytes, run.EndBytes)));
            offset = some.Count > 0 ? some[^1].EndBytes : offset;
        }
        while (some.Count == RunsAtOnce);
        return all;
    }
}
