using System.Collections.Concurrent;
using Afs.Fuse.Abi;
using Afs.Fuse.Tests.Support;

namespace Afs.Fuse.Tests.Session;

/// <summary>
/// While it is calm one reader reads; nobody waits for a reader that got stuck. But for the one test that is about it, nobody looks by himself
/// whether anybody reads: who rests goes on when called, or not at all.
/// </summary>
public sealed class ReaderTeamTests
{
    private const int ManyQuick = 200;
    private const int ManyPiles = 20;
    private const ulong SlowRequest = 10_001;

    private static readonly byte[] LookupBody = GoldenRequests.All["lookup"].Body;

    [Fact]
    public void A_write_that_blocks_its_reader_holds_up_nobody_when_the_others_rest()
    {
        using var go = new ManualResetEventSlim();
        using var isWriting = new ManualResetEventSlim();
        using KernelEnd kernel = KernelEnd.Start(new ScriptedFileSystem
        {
            OnWrite = data =>
            {
                isWriting.Set();
                go.Wait(TestContext.Current.CancellationToken);
                return new(data.Length);
            },
        }, watchInterval: Timeout.InfiniteTimeSpan);
        AskQuickly(kernel);
        kernel.Send(FuseOpcode.Write, GoldenRequests.All["write"].Body, SlowRequest);
        isWriting.Wait(TestContext.Current.CancellationToken);
        try
        {
            Assert.Equal(Errno.ENOENT, kernel.Ask(FuseOpcode.Lookup, LookupBody, SlowRequest + 2).Error);
        }
        finally
        {
            go.Set();
        }

        Assert.Equal(SlowRequest, kernel.Receive().Unique);
    }

    [Fact]
    public void A_request_that_should_have_been_quick_and_blocks_holds_up_nobody_for_long()
    {
        using var go = new ManualResetEventSlim();
        using KernelEnd kernel = KernelEnd.Start(new ScriptedFileSystem
        {
            OnLookup = (request, _) =>
            {
                if (request.Id.Value == SlowRequest)
                {
                    go.Wait(TestContext.Current.CancellationToken);
                }

                return new((FuseResult<EntryReply>)Errno.ENOENT);
            },
        });
        AskQuickly(kernel);
        kernel.Send(FuseOpcode.Lookup, LookupBody, SlowRequest);
        try
        {
            Assert.Equal(Errno.ENOENT, kernel.Ask(FuseOpcode.Lookup, LookupBody, SlowRequest + 2).Error);
        }
        finally
        {
            go.Set();
        }

        Assert.Equal(SlowRequest, kernel.Receive().Unique);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(40)]
    [InlineData(90)]
    public void However_many_requests_block_others_are_answered_and_interrupts_read(int blocked)
    {
        using var go = new ManualResetEventSlim();
        using KernelEnd kernel = KernelEnd.Start(new ScriptedFileSystem
        {
            OnWrite = data =>
            {
                go.Wait(TestContext.Current.CancellationToken);
                return new(data.Length);
            },
        }, maxPending: 1000, watchInterval: Timeout.InfiniteTimeSpan);
        AskQuickly(kernel);
        for (int i = 0; i < blocked; i++)
        {
            kernel.Send(FuseOpcode.Write, GoldenRequests.All["write"].Body, SlowRequest + 2 * (ulong)i, thread: uint.MaxValue);
        }

        const ulong Quick = 900_001;
        bool isOneLeft = blocked < 64; // Else all threads but one are in writes, and that one only takes in.
        if (isOneLeft)
        {
            for (ulong i = 0; i < 10; i++)
            {
                Assert.Equal(Errno.ENOENT, kernel.Ask(FuseOpcode.Lookup, LookupBody, Quick + 2 * i).Error);
            }
        }
        else
        {
            // One that no thread works on is let go, since its caller is gone.
            ulong last = SlowRequest + 2 * (ulong)(blocked - 1);
            KernelReply reply;
            do
            {
                kernel.Send(FuseOpcode.Interrupt, FrameBuilder.New().U64(last).Bytes(), last + 1);
                reply = kernel.Receive();
            }
            while (reply.Unique == last + 1 && reply.Error == Errno.EAGAIN);
            Assert.Equal((last, Errno.EINTR), (reply.Unique, reply.Error));
            blocked--;
        }

        go.Set();
        var answered = new HashSet<ulong>();
        for (int i = 0; i < blocked; i++)
        {
            KernelReply reply = kernel.Receive();
            Assert.Equal(Errno.None, reply.Error);
            answered.Add(reply.Unique);
        }

        Assert.Equal(blocked, answered.Count);
        AskQuickly(kernel);
    }

    [Fact]
    public void Two_callers_whose_requests_pile_up_get_a_second_reader()
    {
        using var go = new AutoResetEvent(initialState: false);
        var readers = new ConcurrentDictionary<int, bool>();
        using KernelEnd kernel = KernelEnd.Start(new ScriptedFileSystem
        {
            OnLookup = (request, _) =>
            {
                if (request.Id.Value == SlowRequest)
                {
                    go.WaitOne();
                }
                else if (request.Id.Value > SlowRequest)
                {
                    readers[Environment.CurrentManagedThreadId] = true;
                }

                return new((FuseResult<EntryReply>)Errno.ENOENT);
            },
        }, watchInterval: Timeout.InfiniteTimeSpan);
        AskQuickly(kernel);

        // The one who was called may come too late for a pile.
        for (int pile = 0; pile < ManyPiles && readers.Count < 2; pile++)
        {
            for (uint request = 0; request < ManyQuick; request++)
            {
                kernel.Send(FuseOpcode.Lookup, LookupBody, SlowRequest + 2 * request, thread: 1 + request % 2);
            }

            go.Set();
            for (int reply = 0; reply < ManyQuick; reply++)
            {
                kernel.Receive();
            }
        }

        Assert.Equal(2, readers.Count);
    }

    [Fact]
    public void Whoever_makes_and_removes_files_is_served_by_one_reader()
    {
        var readers = new ConcurrentDictionary<int, bool>();
        using KernelEnd kernel = KernelEnd.Start(new ScriptedFileSystem
        {
            OnLookup = (request, _) =>
            {
                if (request.Id.Value > SlowRequest)
                {
                    readers[Environment.CurrentManagedThreadId] = true;
                }

                return new((FuseResult<EntryReply>)Errno.ENOENT);
            },
        }, watchInterval: Timeout.InfiniteTimeSpan);
        ulong unique = 1;
        while (unique < SlowRequest)
        {
            Ask("lookup");
        }

        foreach (string change in Enumerable.Repeat<string[]>(["create", "setattr", "flush", "mkdir", "rename2", "unlink"], ManyPiles).SelectMany(static changes => changes))
        {
            Ask(change);
            Ask("lookup");
        }

        Assert.Single(readers);

        void Ask(string request)
        {
            (FuseOpcode opcode, byte[] body) = GoldenRequests.All[request];
            kernel.Send(opcode, body, unique += 2, thread: 1);
            Assert.Equal(unique, kernel.Receive().Unique);
        }
    }

    [Fact]
    public void Those_who_rest_end_with_the_session()
    {
        var fileSystem = new ScriptedFileSystem();
        using (KernelEnd kernel = KernelEnd.Start(fileSystem, watchInterval: Timeout.InfiniteTimeSpan))
        {
            AskQuickly(kernel);
        }

        Assert.True(fileSystem.IsStopped);
    }

    /// <summary>More than it takes until all readers but one rest. All from one caller, whose next request is no backlog.</summary>
    private static void AskQuickly(KernelEnd kernel)
    {
        for (ulong i = 0; i < ManyQuick; i++)
        {
            Assert.Equal(Errno.ENOENT, kernel.Ask(FuseOpcode.Lookup, LookupBody, unique: 2 * i + 1, thread: 1).Error);
        }
    }
}
