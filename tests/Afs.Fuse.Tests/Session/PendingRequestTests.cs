using Afs.Fuse.Abi;
using Afs.Fuse.Tests.Support;

namespace Afs.Fuse.Tests.Session;

/// <summary>Requests that wait: answered later, interrupted, bounded, taken back.</summary>
public sealed class PendingRequestTests
{
    /// <summary>Of no thread that there is: as of one that was killed.</summary>
    private const uint GoneThread = uint.MaxValue;

    private static readonly byte[] LookupBody = GoldenRequests.All["lookup"].Body;

    [Fact]
    public void A_waiting_request_does_not_hold_up_the_next()
    {
        var first = new TaskCompletionSource<FuseResult<EntryReply>>();
        using KernelEnd kernel = KernelEnd.Start(new ScriptedFileSystem
        {
            OnLookup = (request, _) => request.Id.Value == 3 ? new(first.Task) : new((FuseResult<EntryReply>)Errno.ENOENT),
        });
        kernel.Send(FuseOpcode.Lookup, LookupBody, unique: 3);
        Assert.Equal(Errno.ENOENT, kernel.Ask(FuseOpcode.Lookup, LookupBody, unique: 5).Error);
        first.SetResult(new EntryReply { Node = new NodeId(7) });
        KernelReply reply = kernel.Receive();
        Assert.Equal((3ul, Errno.None, 128), (reply.Unique, reply.Error, reply.Payload.Length));
    }

    [Fact]
    public void The_data_of_a_waiting_write_stays_as_it_was()
    {
        var go = new TaskCompletionSource();
        byte[]? seen = null;
        using KernelEnd kernel = KernelEnd.Start(new ScriptedFileSystem { OnWrite = WriteLater });
        kernel.Send(FuseOpcode.Write, GoldenRequests.All["write"].Body, unique: 3);
        for (ulong unique = 5; unique < 25; unique += 2)
        {
            kernel.Ask(FuseOpcode.Lookup, FrameBuilder.New().Name(new string('z', 200)).Bytes(), unique);
        }

        go.SetResult();
        Assert.Equal(Errno.None, kernel.Receive().Error);
        Assert.Equal("hello"u8.ToArray(), seen);

        async ValueTask<FuseResult<int>> WriteLater(ReadOnlyMemory<byte> data)
        {
            await go.Task;
            seen = data.ToArray();
            return data.Length;
        }
    }

    [Fact]
    public void An_interrupt_ends_the_wait_with_EINTR_and_hits_nobody_else()
    {
        using KernelEnd kernel = KernelEnd.Start(new ScriptedFileSystem { OnLookup = (request, _) => Forever(request.Interrupted) });
        kernel.Send(FuseOpcode.Lookup, LookupBody, unique: 3, thread: GoneThread);
        kernel.Send(FuseOpcode.Lookup, LookupBody, unique: 5, thread: GoneThread);
        KernelReply first = InterruptAsTheKernel(kernel, target: 5);
        Assert.Equal((5ul, Errno.EINTR), (first.Unique, first.Error));
        KernelReply second = InterruptAsTheKernel(kernel, target: 3);
        Assert.Equal((3ul, Errno.EINTR), (second.Unique, second.Error));
    }

    [Fact]
    public void An_interrupt_that_overtakes_its_request_is_asked_for_again()
    {
        using KernelEnd kernel = KernelEnd.Start(new ScriptedFileSystem { OnLookup = (request, _) => Forever(request.Interrupted) });
        kernel.Send(FuseOpcode.Interrupt, FrameBuilder.New().U64(3).Bytes(), unique: 4);
        Assert.Equal((4ul, Errno.EAGAIN), (kernel.Receive() is var again ? again.Unique : 0, again.Error));
        kernel.Send(FuseOpcode.Lookup, LookupBody, unique: 3, thread: GoneThread);
        KernelReply interrupted = InterruptAsTheKernel(kernel, target: 3);
        Assert.Equal((3ul, Errno.EINTR), (interrupted.Unique, interrupted.Error));
    }

    [Fact]
    public void A_signal_that_its_caller_survives_interrupts_nothing_and_is_asked_for_again()
    {
        using KernelEnd kernel = KernelEnd.Start(new ScriptedFileSystem { OnLookup = (request, _) => Forever(request.Interrupted) });
        kernel.Send(FuseOpcode.Lookup, LookupBody, unique: 3, thread: (uint)Environment.ProcessId);
        for (int i = 0; i < 3; i++)
        {
            kernel.Send(FuseOpcode.Interrupt, FrameBuilder.New().U64(3).Bytes(), unique: 4);
            Assert.Equal((4ul, Errno.EAGAIN), (kernel.Receive() is var again ? again.Unique : 0, again.Error));
        }
    }

    [Fact]
    public void A_caller_of_another_pid_namespace_waits_on_for_long_and_is_let_go_at_last()
    {
        using KernelEnd kernel = KernelEnd.Start(new ScriptedFileSystem { OnLookup = (request, _) => Forever(request.Interrupted) });
        kernel.Send(FuseOpcode.Lookup, LookupBody, unique: 3, thread: 0);
        int asked = 0;
        KernelReply reply;
        do
        {
            // All at once, where the kernel sends the next after the answer to the last.
            kernel.Send(FuseOpcode.Interrupt, FrameBuilder.New().U64(3).Bytes(), unique: 4);
            asked++;
        }
        while (asked < 101);
        for (int i = 0; i < asked; i++)
        {
            reply = kernel.Receive();
            if (reply.Unique == 3)
            {
                Assert.Equal(Errno.EINTR, reply.Error);
                return;
            }

            Assert.Equal((4ul, Errno.EAGAIN), (reply.Unique, reply.Error));
        }

        Assert.Fail("It was never let go.");
    }

    [Fact]
    public void A_caller_of_another_pid_namespace_that_handles_its_signals_gets_no_EINTR()
    {
        var answer = new TaskCompletionSource<FuseResult<EntryReply>>();
        using KernelEnd kernel = KernelEnd.Start(new ScriptedFileSystem
        {
            OnLookup = (request, _) => new(answer.Task.WaitAsync(request.Interrupted)),
        });
        kernel.Send(FuseOpcode.Lookup, LookupBody, unique: 3, thread: 0);
        for (int i = 0; i < 3; i++)
        {
            kernel.Send(FuseOpcode.Interrupt, FrameBuilder.New().U64(3).Bytes(), unique: 4);
            Assert.Equal((4ul, Errno.EAGAIN), (kernel.Receive() is var again ? again.Unique : 0, again.Error));
        }

        answer.SetResult(Errno.ENOENT);
        Assert.Equal((3ul, Errno.ENOENT), (kernel.Receive() is var reply ? reply.Unique : 0, reply.Error));
    }

    [Fact]
    public void An_interrupt_is_read_while_as_many_wait_as_may()
    {
        const int Limit = 4;
        int begun = 0;
        using KernelEnd kernel = KernelEnd.Start(
            new ScriptedFileSystem
            {
                OnLookup = (request, _) =>
                {
                    Interlocked.Increment(ref begun);
                    return Forever(request.Interrupted);
                },
            },
            maxPending: Limit);
        for (ulong unique = 1001; unique < 1041; unique += 2)
        {
            kernel.Send(FuseOpcode.Lookup, LookupBody, unique, thread: GoneThread);
        }

        // The last ones were taken in, and are begun by nobody.
        var answered = new HashSet<ulong>();
        for (ulong target = 1039; target >= 1001; target -= 2)
        {
            KernelReply reply = InterruptAsTheKernel(kernel, target);
            Assert.Equal(Errno.EINTR, reply.Error);
            answered.Add(reply.Unique);
        }

        Assert.Equal(20, answered.Count);
        Assert.InRange(begun, 1, 19);
    }

    [Fact]
    public void A_token_that_was_set_is_not_reused()
    {
        bool isSet = true;
        using KernelEnd kernel = KernelEnd.Start(new ScriptedFileSystem
        {
            OnLookup = (request, _) =>
            {
                if (request.Id.Value == 3)
                {
                    return Forever(request.Interrupted);
                }

                isSet = request.Interrupted.IsCancellationRequested;
                return new((FuseResult<EntryReply>)Errno.ENOENT);
            },
        });
        kernel.Send(FuseOpcode.Lookup, LookupBody, unique: 3, thread: GoneThread);
        Assert.Equal(Errno.EINTR, InterruptAsTheKernel(kernel, target: 3).Error);
        for (ulong unique = 5; unique < 45; unique += 2)
        {
            kernel.Ask(FuseOpcode.Lookup, LookupBody, unique);
            Assert.False(isSet);
        }
    }

    [Fact]
    public void No_more_than_the_limit_wait_at_one_time()
    {
        int started = 0;
        var release = new TaskCompletionSource<FuseResult<EntryReply>>(TaskCreationOptions.RunContinuationsAsynchronously);
        const int Limit = 4;
        const int Readers = 2;
        using KernelEnd kernel = KernelEnd.Start(
            new ScriptedFileSystem
            {
                OnLookup = (_, _) =>
                {
                    Interlocked.Increment(ref started);
                    return new(release.Task);
                },
            },
            maxPending: Limit);
        for (ulong unique = 3; unique < 43; unique += 2)
        {
            kernel.Send(FuseOpcode.Lookup, LookupBody, unique);
        }

        Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref started) >= Limit, TimeSpan.FromSeconds(20)));
        Thread.Sleep(100);
        Assert.InRange(Volatile.Read(ref started), Limit, Limit + Readers);
        release.SetResult(Errno.ENOENT);
        for (int i = 0; i < 20; i++)
        {
            Assert.Equal(Errno.ENOENT, kernel.Receive().Error);
        }
    }

    [Fact]
    public void A_directory_is_read_only_after_it_was_prepared()
    {
        var fileSystem = new ScriptedFileSystem { DirectoryPrepared = new TaskCompletionSource<Errno>() };
        using KernelEnd kernel = KernelEnd.Start(fileSystem);
        kernel.Send(FuseOpcode.ReadDir, GoldenRequests.All["readdir"].Body, unique: 3);
        fileSystem.DirectoryPrepared.SetResult(Errno.None);
        Assert.Equal((Errno.None, 64), (kernel.Receive() is var reply ? reply.Error : Errno.EIO, reply.Payload.Length));
    }

    [Fact]
    public void Lookups_in_a_directory_reply_that_turned_into_an_error_are_given_back()
    {
        var fileSystem = new ScriptedFileSystem { DirectoryError = Errno.EIO };
        using KernelEnd kernel = KernelEnd.Start(fileSystem);
        Assert.Equal(Errno.EIO, kernel.Ask(FuseOpcode.ReadDirPlus, GoldenRequests.All["readdirplus"].Body, unique: 3).Error);
        Assert.Equal(["forget 20 1", "forget 21 1"], fileSystem.Calls);
    }

    [Fact]
    public void Replies_that_nobody_took_are_undone()
    {
        var fileSystem = new ScriptedFileSystem { DirectoryPrepared = new TaskCompletionSource<Errno>() };
        var go = new TaskCompletionSource<FuseResult<EntryReply>>();
        fileSystem.OnLookup = (_, _) => new(go.Task);
        var pendingOpens = new UndoneFileSystem(go.Task, fileSystem);
        using KernelEnd kernel = KernelEnd.Start(pendingOpens);
        kernel.Send(FuseOpcode.Lookup, LookupBody, unique: 3);
        kernel.Send(FuseOpcode.Open, GoldenRequests.All["open"].Body, unique: 5, node: 6);
        kernel.Send(FuseOpcode.Create, GoldenRequests.All["create"].Body, unique: 7);
        kernel.Send(FuseOpcode.OpenDir, GoldenRequests.All["opendir"].Body, unique: 9, node: 8);
        kernel.Send(FuseOpcode.ReadDirPlus, GoldenRequests.All["readdirplus"].Body, unique: 11);
        Assert.True(SpinWait.SpinUntil(() => pendingOpens.Waiting == 5, TimeSpan.FromSeconds(20)));
        kernel.Hangup();
        go.SetResult(new EntryReply { Node = new NodeId(30) });
        fileSystem.DirectoryPrepared.SetResult(Errno.None);
        kernel.Session.Wait();
        string[] expected = ["forget 20 1", "forget 21 1", "forget 30 1", "forget 7 1", "release 6 9 32770", "release 7 9 32834", "releasedir 8 10"];
        Assert.Equal(expected, fileSystem.Calls.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void The_end_interrupts_what_waits_and_comes_after_it()
    {
        var fileSystem = new ScriptedFileSystem { OnLookup = (request, _) => Forever(request.Interrupted) };
        using KernelEnd kernel = KernelEnd.Start(fileSystem);
        kernel.Send(FuseOpcode.Lookup, LookupBody, unique: 3);
        kernel.Hangup();
        kernel.Session.Wait();
        Assert.True(fileSystem.IsStopped);
        Assert.Equal(Errno.ENODEV, kernel.Session.Notifier.IncrementEpoch());
    }

    private static async ValueTask<FuseResult<EntryReply>> Forever(CancellationToken interrupted)
    {
        await Task.Delay(Timeout.Infinite, interrupted);
        return Errno.EIO;
    }

    /// <summary>
    /// Sends an INTERRUPT again for as long as that is asked for, since it may overtake its request on another reader, and receives the reply to
    /// something else.
    /// </summary>
    private static KernelReply InterruptAsTheKernel(KernelEnd kernel, ulong target)
    {
        ulong unique = target + 1;
        KernelReply reply;
        do
        {
            kernel.Send(FuseOpcode.Interrupt, FrameBuilder.New().U64(target).Bytes(), unique);
            reply = kernel.Receive();
        }
        while ((reply.Unique, reply.Error) == (unique, Errno.EAGAIN));
        return reply;
    }
}
