using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Tests;

/// <summary>An open container is made current in place, over sockets, with the real Vice: for who got a lock.</summary>
public class RefreshTests
{
    [Theory]
    [InlineData(false, 20)]
    [InlineData(true, 20)]
    [InlineData(false, 3_000_000)]
    [InlineData(true, 3_000_000)]
    public async Task WhatIsOpen_HasWhatAnotherClientStored_WhateverItsLength(bool forWriting, int lengthBytes)
    {
        await using LiveCell cell = await LiveCell.StartAsync();
        await using LiveClient a = await cell.ConnectAsync("a"), b = await cell.ConnectAsync("b");
        Fid fid = await a.CreateAsync("f");
        byte[] content = new byte[lengthBytes];
        new Random(1).NextBytes(content);
        Assert.Equal(Failure.None, await a.WriteAsync(fid, content));
        using IContainer open = await b.OpenAsync(fid, forWriting);
        await open.Arrival.WhenThereAsync();
        foreach (int length in new[] { lengthBytes, lengthBytes + 100_000, lengthBytes / 2 })
        {
            Array.Resize(ref content, length);
            content[length / 2]++;
            Assert.Equal(Failure.None, await a.WriteAsync(fid, content));

            Assert.True((await b.Manager.Contents.RefreshAsync(open, OperationContext.OfClient(default))).Value);

            Assert.Equal(content, CacheClient.ReadAll(open));
            Assert.True(b.Manager.Contents.IsCurrent(open));
            Assert.False((await b.Manager.Contents.RefreshAsync(open, OperationContext.OfClient(default))).Value);
        }
        b.Manager.CheckInvariants();
    }

    [Fact]
    public async Task OfALargeFile_ThatIsOpenForWriting_OnlyWhatChangedIsFetched()
    {
        await using LiveCell cell = await LiveCell.StartAsync();
        await using LiveClient a = await cell.ConnectAsync("a"), b = await cell.ConnectAsync("b");
        Fid fid = await a.CreateAsync("f");
        byte[] content = new byte[4 << 20];
        new Random(1).NextBytes(content);
        Assert.Equal(Failure.None, await a.WriteAsync(fid, content));
        using IContainer first = await a.OpenAsync(fid, forWriting: true), second = await b.OpenAsync(fid, forWriting: true);
        for (int round = 0; round < 6; round++)
        {
            (LiveClient writer, IContainer written, LiveClient reader, IContainer read) = round % 2 == 0 ? (a, first, b, second) : (b, second, a, first);
            content[round * 100_000] = (byte)round;
            using (BorrowedHandle borrowed = written.Borrow())
                RandomAccess.Write(borrowed.File, content.AsSpan(round * 100_000, 1), round * 100_000);
            Assert.Equal(Failure.None, await writer.Manager.Contents.StoreOpenAsync(fid, OperationContext.OfClient(default)));
            long fetched = reader.Figure("bytes.fetched");

            Assert.True((await reader.Manager.Contents.RefreshAsync(read, OperationContext.OfClient(default))).Value);

            Assert.Equal(content, CacheClient.ReadAll(read));
            if (round > 1)
                Assert.InRange(reader.Figure("bytes.fetched") - fetched, 1, 4 * Limits.BlockBytes);
        }
    }

    [Fact]
    public async Task WhatThisClientChanged_AndHasNotStored_Stays()
    {
        await using LiveCell cell = await LiveCell.StartAsync();
        await using LiveClient a = await cell.ConnectAsync("a"), b = await cell.ConnectAsync("b");
        Fid fid = await a.CreateAsync("f");
        Assert.Equal(Failure.None, await a.WriteAsync(fid, "first"));
        using IContainer open = await b.OpenAsync(fid, forWriting: true);
        using (BorrowedHandle borrowed = open.Borrow())
            RandomAccess.Write(borrowed.File, "mine!"u8, 0);
        Assert.Equal(Failure.None, await a.WriteAsync(fid, "other"));

        Assert.False((await b.Manager.Contents.RefreshAsync(open, OperationContext.OfClient(default))).Value);

        Assert.Equal("mine!"u8.ToArray(), CacheClient.ReadAll(open));
    }

    [Fact]
    public async Task AnOldVersion_ThatIsStillOpen_GetsWhatAnotherProcessOfThisClientHasNotStoredYet()
    {
        await using LiveCell cell = await LiveCell.StartAsync();
        await using LiveClient a = await cell.ConnectAsync("a"), b = await cell.ConnectAsync("b");
        Fid fid = await a.CreateAsync("f");
        Assert.Equal(Failure.None, await a.WriteAsync(fid, "first"));
        using IContainer old = await b.OpenAsync(fid);
        Assert.Equal(Failure.None, await a.WriteAsync(fid, "other"));
        using IContainer current = await b.OpenAsync(fid, forWriting: true);
        Assert.NotEqual(old.Id, current.Id);
        using (BorrowedHandle borrowed = current.Borrow())
            RandomAccess.Write(borrowed.File, "third"u8, 0);
        Assert.False(b.Manager.Contents.IsCurrent(old));

        Assert.True((await b.Manager.Contents.RefreshAsync(old, OperationContext.OfClient(default))).Value);

        Assert.Equal("third"u8.ToArray(), CacheClient.ReadAll(old));
        Assert.Equal("third", await a.ReadAsync(fid));
    }

    [Fact]
    public async Task AFileThatAnotherClientRemoved_StaysAsItIs()
    {
        await using LiveCell cell = await LiveCell.StartAsync();
        await using LiveClient a = await cell.ConnectAsync("a"), b = await cell.ConnectAsync("b");
        Fid fid = await a.CreateAsync("f");
        Assert.Equal(Failure.None, await a.WriteAsync(fid, "first"));
        using IContainer open = await b.OpenAsync(fid);
        Assert.Equal(Failure.None, await a.Manager.Operations.RemoveAsync(a.Root, "f"u8.ToArray(), isDirectory: false, OperationContext.OfClient(default)));

        Assert.False((await b.Manager.Contents.RefreshAsync(open, OperationContext.OfClient(default))).Value);

        Assert.Equal("first"u8.ToArray(), CacheClient.ReadAll(open));
    }
}

file static class Arrivals
{
    public static async Task WhenThereAsync(this IArrival? arrival)
    {
        if (arrival is not null)
            Assert.Equal(Failure.None, await arrival.WaitAsync(long.MaxValue, default));
    }
}
