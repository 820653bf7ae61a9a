using System.Text;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Tests;

/// <summary>Many processes on two clients at once, over sockets, with the real Vice.</summary>
public class LiveStressTests
{
    private const int Files = 12, Workers = 8, Steps = 120;

    [Fact]
    public async Task EveryOpenGetsAWholeVersion_NoOlderThanTheLastCloseBeforeIt()
    {
        await using LiveCell cell = await LiveCell.StartAsync();
        await using LiveClient a = await cell.ConnectAsync("a");
        await using LiveClient b = await cell.ConnectAsync("b");
        var files = new List<(Fid Fid, Progress Latest)>();
        for (int i = 0; i < Files; i++)
        {
            files.Add((await a.CreateAsync($"f{i}"), new Progress()));
            Assert.Equal(Failure.None, await a.WriteAsync(files[i].Fid, Content(0, i)));
        }
        await Task.WhenAll(Enumerable.Range(0, Workers).Select(worker => Task.Run(() => WorkAsync(worker % 2 == 0 ? a : b, new Random(worker), files))));
        for (int i = 0; i < Files; i++)
            Assert.Equal(await a.ReadAsync(files[i].Fid), await b.ReadAsync(files[i].Fid));
        Assert.Equal(0, a.Figure("containers.dirty") + b.Figure("containers.dirty"));
    }

    /// <summary>Writers of one file take turns, as processes with a lock would; readers come at any time.</summary>
    private static async Task WorkAsync(LiveClient client, Random random, List<(Fid Fid, Progress Latest)> files)
    {
        for (int step = 0; step < Steps; step++)
        {
            int at = random.Next(Files);
            (Fid fid, Progress latest) = files[at];
            if (random.Next(3) > 0)
            {
                long least = latest.Closed;
                if (await ReadUnsharedAsync(client, fid) is { } content)
                    Check(content, at, least);
                continue;
            }
            if (!await latest.Turn.WaitAsync(0))
                continue;
            try
            {
                long next = latest.Closed + 1;
                Assert.Equal(Failure.None, await client.WriteAsync(fid, Content(next, at)));
                latest.Closed = next;
            }
            finally
            {
                latest.Turn.Release();
            }
        }
    }

    /// <summary>Null: a process of the same client wrote meanwhile, with which a reader shares the file as on any Unix.</summary>
    private static async Task<string?> ReadUnsharedAsync(LiveClient client, Fid fid)
    {
        using IContainer container = await client.OpenAsync(fid);
        DataVersion version = container.BaseVersion;
        if (container.TryGetLocalStatus(out _))
            return null;
        byte[] bytes = new byte[RandomAccess.GetLength(container.Handle)];
        int count = RandomAccess.Read(container.Handle, bytes, 0);
        return container.TryGetLocalStatus(out _) || container.BaseVersion != version ? null : Encoding.UTF8.GetString(bytes, 0, count);
    }

    private static void Check(string content, int file, long least)
    {
        string[] lines = content.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        long version = long.Parse(lines[0].Split(' ')[0]);
        Assert.All(lines, line => Assert.Equal($"{version} {file}", line));
        Assert.True(version >= least, $"File {file}: version {version} was opened after version {least} was closed.");
    }

    /// <summary>Some are inline, some bulk.</summary>
    private static string Content(long version, int file)
    {
        var text = new StringBuilder();
        int lines = file % 3 == 0 ? 20_000 : 50;
        for (int i = 0; i < lines; i++)
            text.Append(version).Append(' ').Append(file).Append('\n');
        return text.ToString();
    }

    private sealed class Progress
    {
        private long _closed;

        public SemaphoreSlim Turn { get; } = new(1);

        public long Closed
        {
            get => Volatile.Read(ref _closed);
            set => Volatile.Write(ref _closed, value);
        }
    }
}
