using Afs.Fuse.Abi;
using Afs.Fuse.Interop;
using Afs.Fuse.Session;
using Afs.Fuse.Tests.Support;

namespace Afs.Fuse.Tests.Session;

/// <summary>Who waits for the RELEASEs that were sent before him waits for those, wherever they are, and for nothing else.</summary>
public sealed class EarlierReleasesTests
{
    private static readonly TimeSpan Forever = TimeSpan.FromMinutes(10);

    [Fact]
    public void An_operation_that_waits_for_earlier_releases_is_answered_after_them()
    {
        using var go = new ManualResetEventSlim();
        using var isReleasing = new ManualResetEventSlim();
        using var isWaiting = new ManualResetEventSlim();
        KernelEnd? session = null;
        using KernelEnd kernel = session = KernelEnd.Start(new ScriptedFileSystem
        {
            OnRelease = () =>
            {
                isReleasing.Set();
                go.Wait(TestContext.Current.CancellationToken);
            },
            OnLookup = (_, _) =>
            {
                ValueTask<FuseResult<EntryReply>> reply = LookUpAsync(session!.Session.Notifier);
                isWaiting.Set();
                return reply;
            },
        });
        kernel.Send(FuseOpcode.Release, GoldenRequests.All["release"].Body, unique: 3);
        isReleasing.Wait(TestContext.Current.CancellationToken);
        kernel.Send(FuseOpcode.Lookup, GoldenRequests.All["lookup"].Body, unique: 5);
        isWaiting.Wait(TestContext.Current.CancellationToken);
        go.Set();

        Assert.Equal(3UL, kernel.Receive().Unique);
        Assert.Equal(5UL, kernel.Receive().Unique);

        static async ValueTask<FuseResult<EntryReply>> LookUpAsync(IFuseNotifier notifier)
        {
            await notifier.EarlierReleasesAsync();
            return Errno.ENOENT;
        }
    }

    [Fact]
    public async Task A_thread_that_came_back_from_its_read_and_has_not_said_so_is_waited_for()
    {
        var releases = new EarlierReleases(device: 0, new InFlightTable(), Forever);
        bool goes = false;
        using var isReading = new ManualResetEventSlim();
        Thread reader = Start(() =>
        {
            ReaderMark mark = releases.Join();
            mark.BeginRead();
            isReading.Set();
            while (!Volatile.Read(ref goes))
                Thread.SpinWait(100);
            mark.EndRead();
        });
        isReading.Wait(TestContext.Current.CancellationToken);
        Task wait = releases.WaitAsync().AsTask();
        Assert.False(wait.IsCompleted);
        Volatile.Write(ref goes, true);
        await wait;
        reader.Join();
    }

    [Fact]
    public async Task A_thread_that_sleeps_in_its_read_is_not_waited_for()
    {
        (int read, int write) = Pipe();
        var releases = new EarlierReleases(read, new InFlightTable(), Forever);
        Thread reader = Start(() =>
        {
            ReaderMark mark = releases.Join();
            mark.BeginRead();
            ReadByte(read);
            mark.EndRead();
        });
        for (int i = 0; i < 3; i++)
            await releases.WaitAsync(); // It may be on its way into the read.
        WriteByte(write);
        reader.Join();
    }

    private static Thread Start(Action run)
    {
        var thread = new Thread(() => run()) { IsBackground = true };
        thread.Start();
        return thread;
    }

    private static unsafe (int Read, int Write) Pipe()
    {
        const int UnixDomain = 1, Stream = 1, CloseOnExec = 0x80000;
        int* ends = stackalloc int[2];
        Assert.Equal(0, NativeMethods.SocketPair(UnixDomain, Stream | CloseOnExec, 0, ends));
        return (ends[0], ends[1]);
    }

    private static unsafe void ReadByte(int descriptor)
    {
        byte room;
        Assert.Equal(1, (int)NativeMethods.Read(descriptor, &room, 1));
    }

    private static unsafe void WriteByte(int descriptor)
    {
        byte one = 1;
        Assert.Equal(1, (int)NativeMethods.Write(descriptor, &one, 1));
    }
}
