using System.Diagnostics;
using Afs.Platform;
using Afs.Rpc;
using Afs.Wire;

namespace Afs.Bench.Vice;

/// <summary>One large content there and back. Memory of either side must not depend on its length.</summary>
internal static class Transfer
{
    private const int PatternBytes = 1024 * 1024;

    public static async Task RunAsync(RpcEndpoint server, long lengthBytes, CancellationToken cancellation)
    {
        await using var client = new LoadClient(server);
        Fid file = await client.CreateAsync(await client.RootAsync(), $"transfer-{Environment.ProcessId}", FileType.Regular);
        byte[] pattern = new byte[PatternBytes];
        Random.Shared.NextBytes(pattern);
        var context = new CallContext { Deadline = TimeSpan.FromHours(1), Cancellation = cancellation };

        var clock = Stopwatch.StartNew();
        var upload = new UploadId((ulong)Random.Shared.NextInt64());
        byte[] request = WireCodec.ToBytes(new UploadRequest { Upload = upload, Volume = file.Volume });
        Outcome<ReadOnlyMemory<byte>> uploaded = await client.Bulk.UploadAsync(request, lengthBytes, ReadPattern, context);
        UploadReply reply = WireCodec.FromBytes<UploadReply>(uploaded.Value);
        await new StoredFile(file).StoreAsync(client, lengthBytes, reply.Crc32C, null, upload);
        Report("up, to stable storage", lengthBytes, clock);

        clock.Restart();
        var crc = new Crc32C();
        request = WireCodec.ToBytes(new DownloadRequest { Fid = file, DataVersion = new DataVersion(2), OffsetBytes = 0, LengthBytes = lengthBytes });
        Outcome<long> downloaded = await client.Bulk.DownloadAsync(request, TakeAsync, context);
        if (downloaded.Value != lengthBytes || crc.Value != reply.Crc32C)
            throw new InvalidOperationException($"{downloaded.Value} bytes came, with checksum {crc.Value:x8}, not {reply.Crc32C:x8}.");
        Report("down", lengthBytes, clock);

        ValueTask<int> ReadPattern(long offset, Memory<byte> destination, CancellationToken _)
        {
            int from = (int)(offset % PatternBytes), count = Math.Min(destination.Length, PatternBytes - from);
            pattern.AsSpan(from, count).CopyTo(destination.Span);
            return ValueTask.FromResult(count);
        }

        ValueTask TakeAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken _)
        {
            crc.Add(data.Span);
            return ValueTask.CompletedTask;
        }
    }

    private static void Report(string what, long lengthBytes, Stopwatch clock) =>
        Console.WriteLine($"{what}: {lengthBytes / 1e6:n0} MB in {clock.Elapsed.TotalSeconds:f1} s, {lengthBytes / 1e6 / clock.Elapsed.TotalSeconds:n0} MB/s");
}
