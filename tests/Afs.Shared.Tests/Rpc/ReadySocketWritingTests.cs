using System.Net.Sockets;
using Afs.Rpc;
using Afs.Shared.Tests.Rpc.Support;

namespace Afs.Shared.Tests.Rpc;

/// <summary>Writes that wait until the peer has read.</summary>
public sealed class ReadySocketWritingTests
{
    private const int BufferBytes = 16 * 1024;
    private const int ContentBytes = 1 << 20;

    [Theory]
    [InlineData(1)]
    [InlineData(20)]
    public async Task WhatAPeerReadsLate_ArrivesWholeAndInOrder(int pairs)
    {
        await Task.WhenAll(Enumerable.Range(0, pairs).Select(seed => Task.Run(async () =>
        {
            (Socket peer, ReadySocketStream stream) = await ReadySocketPair.ConnectAsync(BufferBytes);
            using (peer)
            using (stream)
            {
                byte[] content = Content(seed);
                Task writing = WriteInPiecesAsync(stream, content, new Random(seed));
                Assert.False(writing.IsCompleted);
                Assert.Equal(content, await ReceiveAsync(peer, content.Length));
                await writing.WaitAsync(ReadySocketPair.Patience);
            }
        })));
    }

    [Fact]
    public async Task WhileAWriteWaits_ReadsGoOn_AndTheOtherWayRound()
    {
        (Socket peer, ReadySocketStream stream) = await ReadySocketPair.ConnectAsync(BufferBytes);
        using (peer)
        using (stream)
        {
            byte[] content = Content(seed: 1);
            byte[] buffer = new byte[1];
            Task<int> before = stream.ReadAsync(buffer).AsTask();
            Task writing = stream.WriteAsync(content).AsTask();
            for (byte message = 1; message < 20; message++)
            {
                peer.Send([message]);
                Assert.Equal(1, await before.WaitAsync(ReadySocketPair.Patience));
                Assert.Equal(message, buffer[0]);
                before = stream.ReadAsync(buffer).AsTask();
            }
            Assert.False(writing.IsCompleted);
            Assert.Equal(content, await ReceiveAsync(peer, content.Length));
            await writing.WaitAsync(ReadySocketPair.Patience);
            Assert.False(before.IsCompleted);
            peer.Send([21]);
            Assert.Equal(1, await before.WaitAsync(ReadySocketPair.Patience));
        }
    }

    [Fact]
    public async Task AfterThePeerSaidThatItSendsNoMore_AWriteStillWaitsForRoom()
    {
        (Socket peer, ReadySocketStream stream) = await ReadySocketPair.ConnectAsync(BufferBytes);
        using (peer)
        using (stream)
        {
            byte[] content = Content(seed: 2);
            Task writing = stream.WriteAsync(content).AsTask();
            peer.Shutdown(SocketShutdown.Send);
            Assert.Equal(0, await stream.ReadAsync(new byte[1]).AsTask().WaitAsync(ReadySocketPair.Patience));
            Assert.False(writing.IsCompleted);
            Assert.Equal(content, await ReceiveAsync(peer, content.Length));
            await writing.WaitAsync(ReadySocketPair.Patience);
        }
    }

    [Fact]
    public async Task ACancelledWrite_Ends_AndTheNextGoesOnBehindWhatItSent()
    {
        (Socket peer, ReadySocketStream stream) = await ReadySocketPair.ConnectAsync(BufferBytes);
        using (peer)
        using (stream)
        {
            using var cancelled = new CancellationTokenSource();
            Task given = stream.WriteAsync(Content(seed: 3), cancelled.Token).AsTask();
            Assert.False(given.IsCompleted);
            cancelled.Cancel();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => given.WaitAsync(ReadySocketPair.Patience));

            byte[] next = Content(seed: 4);
            Task writing = stream.WriteAsync(next).AsTask();
            Assert.False(writing.IsCompleted);
            Task<byte[]> receiving = ReceiveAsync(peer, mostBytes: 2 * ContentBytes);
            await writing.WaitAsync(ReadySocketPair.Patience);
            stream.Dispose();
            byte[] received = await receiving;
            Assert.True(received.Length < 2 * ContentBytes);
            Assert.Equal(next, received[^next.Length..]);
        }
    }

    [Fact]
    public async Task ClosingEndsAWaitingWrite_AndSoDoesTheEndOfThePeer()
    {
        (Socket peer, ReadySocketStream stream) = await ReadySocketPair.ConnectAsync(BufferBytes);
        using (peer)
        {
            Task writing = stream.WriteAsync(Content(seed: 5)).AsTask();
            stream.Dispose();
            await Assert.ThrowsAsync<ObjectDisposedException>(() => writing.WaitAsync(ReadySocketPair.Patience));
        }
        (peer, stream) = await ReadySocketPair.ConnectAsync(BufferBytes);
        using (stream)
        {
            Task writing = stream.WriteAsync(Content(seed: 6)).AsTask();
            Task<int> reading = stream.ReadAsync(new byte[1]).AsTask();
            peer.LingerState = new LingerOption(true, 0);
            peer.Dispose();
            await Assert.ThrowsAsync<IOException>(() => writing.WaitAsync(ReadySocketPair.Patience));
            await Record.ExceptionAsync(() => reading.WaitAsync(ReadySocketPair.Patience)); // One of both learns why, the other that it ended.
            Assert.True(reading.IsCompleted);
        }
    }

    [Fact]
    public async Task ASocketThatWaitedForRoom_IsWatchedByTheReaderThreadsAlone()
    {
        (Socket peer, ReadySocketStream stream) = await ReadySocketPair.ConnectAsync(BufferBytes);
        using (peer)
        using (stream)
        {
            Task<int> reading = stream.ReadAsync(new byte[1]).AsTask();
            Assert.Equal(1, WatchersOf(stream.Socket));
            byte[] content = Content(seed: 7);
            Task writing = stream.WriteAsync(content).AsTask();
            Assert.False(writing.IsCompleted);
            await ReceiveAsync(peer, content.Length);
            await writing.WaitAsync(ReadySocketPair.Patience);
            Assert.Equal(1, WatchersOf(stream.Socket));
            Assert.False(reading.IsCompleted);
        }
    }

    private static byte[] Content(int seed)
    {
        byte[] content = new byte[ContentBytes];
        new Random(seed).NextBytes(content);
        return content;
    }

    private static async Task WriteInPiecesAsync(ReadySocketStream stream, byte[] content, Random random)
    {
        for (int sent = 0; sent < content.Length;)
        {
            int count = Math.Min(content.Length - sent, random.Next(1, 200_000));
            await stream.WriteAsync(content.AsMemory(sent, count));
            sent += count;
        }
    }

    /// <summary>So many bytes; fewer where the other end is closed.</summary>
    private static async Task<byte[]> ReceiveAsync(Socket peer, int mostBytes)
    {
        byte[] received = new byte[mostBytes];
        int count = 0;
        while (count < mostBytes)
        {
            int more = await peer.ReceiveAsync(received.AsMemory(count)).AsTask().WaitAsync(ReadySocketPair.Patience);
            if (more == 0)
                break;
            count += more;
        }
        return received[..count];
    }

    /// <summary>How many of this process's lists of sockets to watch (epoll) have this one.</summary>
    private static int WatchersOf(Socket socket)
    {
        string wanted = $"tfd: {socket.SafeHandle.DangerousGetHandle(),8} ";
        return Directory.EnumerateFiles("/proc/self/fdinfo").Count(info => ReadOrNothing(info).Contains(wanted, StringComparison.Ordinal));
    }

    /// <summary>A descriptor of another test may be closed meanwhile.</summary>
    private static string ReadOrNothing(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (IOException)
        {
            return "";
        }
    }
}
