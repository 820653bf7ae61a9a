using System.Threading.Channels;

namespace Afs.Vice.Hosting.Admin;

/// <summary>Gives what happens to those who look. Bounded: so many look at a time, and one that reads too slowly loses the oldest.</summary>
public sealed class ActivityFeed
{
    public const int MostReaders = 8;
    private const int MostWaiting = 256;

    private readonly Lock _lock = new();
    private Channel<Activity>[] _readers = [];

    public void Publish(Activity activity)
    {
        foreach (Channel<Activity> reader in Volatile.Read(ref _readers))
            reader.Writer.TryWrite(activity);
    }

    public bool HasReaders => Volatile.Read(ref _readers).Length > 0;

    /// <summary>Null: too many look already. Give it back by <see cref="Remove"/>.</summary>
    public Channel<Activity>? TryAdd()
    {
        lock (_lock)
        {
            if (_readers.Length == MostReaders)
                return null;
            var reader = Channel.CreateBounded<Activity>(new BoundedChannelOptions(MostWaiting) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });
            Volatile.Write(ref _readers, [.. _readers, reader]);
            return reader;
        }
    }

    public void Remove(Channel<Activity> reader)
    {
        lock (_lock)
            Volatile.Write(ref _readers, [.. _readers.Where(other => other != reader)]);
    }
}
