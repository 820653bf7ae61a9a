using Afs.Fuse;

namespace Afs.Venus.Vfs;

/// <summary>
/// Who asks for the attributes of a directory whose broken names the kernel still has, since its lock is taken, waits until they have gone. Every walk through a directory needs
/// leave to search it, by attributes that the kernel was told to forget (fs/fuse/dir.c, fuse_permission): so nobody who begins then uses one of its names, and the break
/// needn't wait for the lock.
///
/// The lock's holder is usually a change of this client, whose answer comes when others have acknowledged: it waits for nobody here. But a change that has just taken the lock
/// may ask for the attributes too, before it sends anything. It is seen by this: no change is on its way, and nothing gets on. Such a one is sent back with ESTALE, and the kernel
/// repeats it; where that was done lately it would reach the application: then all names go at once, with what is mounted on them.
/// </summary>
internal sealed class HeldDirectories(KernelLink kernel, KernelNames names, NameExpirer expirer, SentBack sentBack, VfsOptions options, TimeProvider time)
{
    /// <summary>Without a change on its way and without a name that goes: then the lock's holder may be who asks.</summary>
    private static readonly TimeSpan LongestHold = TimeSpan.FromMilliseconds(250);

    /// <summary>The same where who asks seems to be in a system call that takes no such lock.</summary>
    private static readonly TimeSpan LongestHoldOfReaders = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(10);

    /// <summary>Null: nobody has to wait.</summary>
    public Task? Find(Node node) => node is DirectoryNode directory ? KernelNames.Held(directory) : null;

    /// <summary>None: its attributes may be told, for one use. ESTALE: the kernel comes again.</summary>
    /// <param name="caller">Thread id, zero where it isn't known.</param>
    public async ValueTask<Errno> WaitAsync(DirectoryNode directory, uint caller, CancellationToken cancellation)
    {
        long since = time.GetTimestamp();
        while (KernelNames.Held(directory) is { } released)
        {
            await Task.WhenAny(released, Task.Delay(Look, time, cancellation));
            if (cancellation.IsCancellationRequested)
                return Errno.EINTR;
            if (names.IsGettingOn(directory, since))
                since = time.GetTimestamp();
            TimeSpan stuck = time.GetElapsedTime(since);
            if (stuck <= LongestHold || stuck <= LongestHoldOfReaders && options.SeemsToRead(caller))
                continue;
            if (!sentBack.Has(caller) && names.TrySendBack(directory))
            {
                sentBack.Note(caller, opens: false);
                return Errno.ESTALE;
            }

            if (names.Release(directory))
            {
                expirer.CountForced();
                kernel.Session.Notifier.IncrementEpoch();
            }
        }

        return Errno.None;
    }
}
