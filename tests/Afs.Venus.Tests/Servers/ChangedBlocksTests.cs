using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Tests;

/// <summary>What is sent of a large file that changed a little, over sockets, with the real Vice.</summary>
public class ChangedBlocksTests
{
    private const int Block = Limits.BlockBytes;
    private const int Length = 100 * Block + 77;

    [Fact]
    public async Task OneByte_InALargeFile_SendsOneBlock_AndTheOtherClientFetchesOne()
    {
        await using LiveCell cell = await LiveCell.StartAsync();
        await using LiveClient a = await cell.ConnectAsync("a");
        await using LiveClient b = await cell.ConnectAsync("b");
        (Fid fid, byte[] content) = await MakeAsync(a);
        Assert.Equal(content, await b.ReadBytesAsync(fid));
        var random = new Random(4);
        for (int round = 0; round < 20; round++)
        {
            (LiveClient writer, LiveClient reader) = round % 2 == 0 ? (a, b) : (b, a);
            int at = random.Next(Length);
            content[at]++;
            (long stored, long fetched) = (writer.Figure("bytes.stored"), reader.Figure("bytes.fetched"));
            await WriteAsync(writer, fid, at, content.AsMemory(at, 1));
            Assert.Equal(content, await reader.ReadBytesAsync(fid));
            Assert.InRange(writer.Figure("bytes.stored") - stored, 77, Block);
            Assert.InRange(reader.Figure("bytes.fetched") - fetched, 77, Block);
        }
    }

    [Fact]
    public async Task AFileThatGrows_SendsWhatWasAdded()
    {
        await using LiveCell cell = await LiveCell.StartAsync();
        await using LiveClient a = await cell.ConnectAsync("a");
        await using LiveClient b = await cell.ConnectAsync("b");
        (Fid fid, byte[] content) = await MakeAsync(a);
        long stored = a.Figure("bytes.stored");
        byte[] more = Bytes(3 * Block, 9);
        await WriteAsync(a, fid, Length + 10 * Block, more);
        byte[] expected = [.. content, .. new byte[10 * Block], .. more];
        Assert.Equal(expected, await b.ReadBytesAsync(fid));
        Assert.InRange(a.Figure("bytes.stored") - stored, 3 * Block, 6 * Block);
    }

    [Fact]
    public async Task AFileThatIsCutAndWrittenAgain_IsWhatWasWritten()
    {
        await using LiveCell cell = await LiveCell.StartAsync();
        await using LiveClient a = await cell.ConnectAsync("a");
        await using LiveClient b = await cell.ConnectAsync("b");
        (Fid fid, byte[] content) = await MakeAsync(a);
        using (IContainer container = await a.OpenAsync(fid, forWriting: true))
        {
            RandomAccess.SetLength(container.Handle, 50 * Block + 3);
            Assert.Equal(Failure.None, await container.StoreAsync(default));
            Assert.Equal(content[..(50 * Block + 3)], await b.ReadBytesAsync(fid));
            RandomAccess.SetLength(container.Handle, Length);
            Assert.Equal(Failure.None, await container.StoreAsync(default));
        }
        content.AsSpan(50 * Block + 3).Clear();
        Assert.Equal(content, await b.ReadBytesAsync(fid));
    }

    [Fact]
    public async Task TheLastCloserWins_AlsoWhereBothSendBlocks()
    {
        await using LiveCell cell = await LiveCell.StartAsync();
        await using LiveClient a = await cell.ConnectAsync("a");
        await using LiveClient b = await cell.ConnectAsync("b");
        (Fid fid, byte[] content) = await MakeAsync(a);
        await b.ReadBytesAsync(fid);
        using IContainer mine = await a.OpenAsync(fid, forWriting: true), theirs = await b.OpenAsync(fid, forWriting: true);
        RandomAccess.Write(mine.Handle, [1, 2, 3], 5 * Block);
        RandomAccess.Write(theirs.Handle, [4, 5, 6], 70 * Block);
        Assert.Equal(Failure.None, await mine.StoreAsync(default));
        Assert.Equal(Failure.None, await theirs.StoreAsync(default));
        mine.Dispose();
        byte[] expected = [.. content];
        ((byte[])[4, 5, 6]).CopyTo(expected, 70 * Block);
        Assert.Equal(expected, await a.ReadBytesAsync(fid));
        RandomAccess.Write(theirs.Handle, [7], 71 * Block);
        expected[71 * Block] = 7;
        Assert.Equal(Failure.None, await theirs.StoreAsync(default));
        Assert.Equal(expected, await a.ReadBytesAsync(fid));
    }

    [Fact]
    public async Task AfterARestartOfBothSides_ASmallChangeStillSendsLittle()
    {
        await using LiveCell cell = await LiveCell.StartAsync();
        Fid fid;
        byte[] content;
        await using (LiveClient before = await cell.ConnectAsync("a"))
            (fid, content) = await MakeAsync(before);
        await cell.StopServerAsync();
        await cell.StartServerAsync();
        await using LiveClient a = await cell.ConnectAsync("a");
        await using LiveClient b = await cell.ConnectAsync("b");
        content[17]++;
        await WriteAsync(a, fid, 17, content.AsMemory(17, 1));
        Assert.Equal(content, await b.ReadBytesAsync(fid));
        Assert.Equal(Block, a.Figure("bytes.stored"));
        Assert.Equal(0, a.Figure("bytes.fetched"));
    }

    [Fact]
    public async Task ASparseFile_PastFourGigabytes_SendsItsData_AndStaysSparse()
    {
        await using LiveCell cell = await LiveCell.StartAsync();
        await using LiveClient a = await cell.ConnectAsync("a");
        await using LiveClient b = await cell.ConnectAsync("b");
        Fid fid = await a.CreateAsync("f");
        const long Far = (5L << 30) + 11;
        await WriteAsync(a, fid, Far, "end"u8.ToArray());
        Assert.InRange(a.Figure("bytes.stored"), 3, 2 * Block);
        using (IContainer container = await b.OpenAsync(fid))
        {
            byte[] end = new byte[4];
            Assert.Equal(Far + 3, RandomAccess.GetLength(container.Handle));
            Assert.Equal(4, RandomAccess.Read(container.Handle, end, Far - 1));
            Assert.Equal("\0end"u8, end);
        }
        Assert.InRange(b.Figure("bytes.fetched"), 3, 2 * Block);
        Assert.InRange(b.Figure("containers.bytes"), 1, 1 << 20);
        await WriteAsync(b, fid, 3L << 30, "mid"u8.ToArray());
        Assert.InRange(b.Figure("bytes.stored"), 3, 2 * Block);
        using (IContainer container = await a.OpenAsync(fid))
        {
            byte[] middle = new byte[3];
            Assert.Equal(3, RandomAccess.Read(container.Handle, middle, 3L << 30));
            Assert.Equal("mid"u8, middle);
        }
    }

    private static async Task<(Fid, byte[])> MakeAsync(LiveClient client)
    {
        Fid fid = await client.CreateAsync("f");
        byte[] content = Bytes(Length, 1);
        Assert.Equal(Failure.None, await client.WriteAsync(fid, content));
        return (fid, content);
    }

    private static async Task WriteAsync(LiveClient client, Fid fid, long offset, ReadOnlyMemory<byte> bytes)
    {
        using IContainer container = await client.OpenAsync(fid, forWriting: true);
        RandomAccess.Write(container.Handle, bytes.Span, offset);
        Assert.Equal(Failure.None, await container.StoreAsync(default));
    }

    private static byte[] Bytes(int length, int seed)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}
