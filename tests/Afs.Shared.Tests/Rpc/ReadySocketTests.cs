using System.Net.Sockets;
using Afs.Rpc;
using Afs.Shared.Tests.Rpc.Support;

namespace Afs.Shared.Tests.Rpc;

/// <summary>Reads of sockets that wait among the process's reader threads.</summary>
public sealed class ReadySocketTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(40)]
    public async Task WhatIsSentInPiecesArrivesWholeAndInOrder(int pairs)
    {
        await Task.WhenAll(Enumerable.Range(0, pairs).Select(seed => Task.Run(async () =>
        {
            (Socket sender, ReadySocketStream reader) = await ReadySocketPair.ConnectAsync();
            using (sender)
            using (reader)
            {
                var random = new Random(seed);
                byte[] sent = new byte[300_000];
                random.NextBytes(sent);
                Task sending = SendInPiecesAsync(sender, sent, random);
                byte[] received = new byte[sent.Length];
                for (int got = 0; got < received.Length;)
                    got += await reader.ReadAsync(received.AsMemory(got, Math.Min(received.Length - got, random.Next(1, 20_000)))).AsTask().WaitAsync(ReadySocketPair.Patience);
                await sending;
                Assert.Equal(sent, received);
                Assert.Equal(0, await reader.ReadAsync(received).AsTask().WaitAsync(ReadySocketPair.Patience));
            }
        })));
    }

    [Fact]
    public async Task WhoeverBlocksAfterARead_HoldsUpNoOtherSocket()
    {
        int blocked = Environment.ProcessorCount + 4; // More than there are threads that read.
        using var gate = new ManualResetEventSlim();
        using var arrived = new CountdownEvent(blocked);
        var waiting = new List<Task>();
        try
        {
            for (int i = 0; i < blocked; i++)
            {
                (Socket sender, ReadySocketStream reader) = await ReadySocketPair.ConnectAsync();
                waiting.Add(Block(sender, reader));
                sender.Send([1]);
                (Socket other, ReadySocketStream free) = await ReadySocketPair.ConnectAsync();
                using (other)
                using (free)
                {
                    ValueTask<int> read = free.ReadAsync(new byte[1]);
                    other.Send([2]);
                    Assert.Equal(1, await read.AsTask().WaitAsync(ReadySocketPair.Patience));
                }
            }
            Assert.True(arrived.Wait(ReadySocketPair.Patience));
        }
        finally
        {
            gate.Set();
        }
        await Task.WhenAll(waiting).WaitAsync(ReadySocketPair.Patience);

        async Task Block(Socket sender, ReadySocketStream reader)
        {
            using (sender)
            using (reader)
            {
                Assert.Equal(1, await reader.ReadAsync(new byte[1]));
                arrived.Signal();
                gate.Wait();
            }
        }
    }

    [Fact]
    public async Task ACancelledRead_EndsAndTakesNothing()
    {
        (Socket sender, ReadySocketStream reader) = await ReadySocketPair.ConnectAsync();
        using (sender)
        using (reader)
        {
            byte[] buffer = new byte[4];
            using var cancelled = new CancellationTokenSource();
            Task<int> given = reader.ReadAsync(buffer, cancelled.Token).AsTask();
            cancelled.Cancel();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => given.WaitAsync(ReadySocketPair.Patience));
            sender.Send([1, 2, 3]);
            Assert.Equal(3, await reader.ReadAsync(buffer, CancellationToken.None).AsTask().WaitAsync(ReadySocketPair.Patience));
            Assert.Equal([1, 2, 3, 0], buffer);
        }
    }

    [Fact]
    public async Task ARead_ThatIsCancelledAsItBegins_LeavesASocketThatCanBeRead()
    {
        for (int round = 0; round < 200; round++)
        {
            (Socket sender, ReadySocketStream reader) = await ReadySocketPair.ConnectAsync();
            using (sender)
            using (reader)
            {
                byte[] buffer = new byte[4];
                using var cancelled = new CancellationTokenSource();
                Task cancelling = Task.Run(cancelled.Cancel);
                await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reader.ReadAsync(buffer, cancelled.Token).AsTask().WaitAsync(ReadySocketPair.Patience));
                await cancelling;
                sender.Send([7]);
                Assert.Equal(1, await reader.ReadAsync(buffer).AsTask().WaitAsync(ReadySocketPair.Patience));
            }
        }
    }

    [Fact]
    public async Task AReadOfNothing_WaitsUntilThereIsSomething()
    {
        (Socket sender, ReadySocketStream reader) = await ReadySocketPair.ConnectAsync();
        using (sender)
        using (reader)
        {
            Task<int> ready = reader.ReadAsync(Memory<byte>.Empty).AsTask();
            Assert.False(ready.IsCompleted);
            sender.Send([9]);
            Assert.Equal(0, await ready.WaitAsync(ReadySocketPair.Patience));
            byte[] buffer = new byte[4];
            Assert.Equal(1, await reader.ReadAsync(buffer).AsTask().WaitAsync(ReadySocketPair.Patience));
            Assert.Equal(9, buffer[0]);
        }
    }

    [Fact]
    public async Task ClosingEndsAWaitingRead_AndSoDoesTheEndOfThePeer()
    {
        (Socket sender, ReadySocketStream reader) = await ReadySocketPair.ConnectAsync();
        using (sender)
        {
            Task<int> waiting = reader.ReadAsync(new byte[1]).AsTask();
            reader.Dispose();
            await Assert.ThrowsAsync<ObjectDisposedException>(() => waiting.WaitAsync(ReadySocketPair.Patience));
        }
        (sender, reader) = await ReadySocketPair.ConnectAsync();
        using (reader)
        {
            Task<int> waiting = reader.ReadAsync(new byte[1]).AsTask();
            sender.LingerState = new LingerOption(true, 0);
            sender.Dispose();
            await Assert.ThrowsAsync<IOException>(() => waiting.WaitAsync(ReadySocketPair.Patience));
        }
    }

    private static async Task SendInPiecesAsync(Socket sender, byte[] content, Random random)
    {
        var pieces = new Random(random.Next());
        for (int sent = 0; sent < content.Length;)
        {
            int count = Math.Min(content.Length - sent, pieces.Next(1, 30_000));
            sent += await sender.SendAsync(content.AsMemory(sent, count));
            if (pieces.Next(3) == 0)
                await Task.Yield();
        }
        sender.Shutdown(SocketShutdown.Send);
    }
}
