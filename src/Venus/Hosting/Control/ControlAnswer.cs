using System.Net.Sockets;
using System.Text.Json;

namespace Afs.Venus.Hosting;

/// <summary>The way back to who asked: one line, or many.</summary>
internal sealed class ControlAnswer(NetworkStream stream, CancellationToken ending) : IDisposable
{
    /// <summary>For one line to somebody who doesn't read.</summary>
    private static readonly TimeSpan SendTimeout = TimeSpan.FromSeconds(10);

    private readonly CancellationTokenSource _gone = CancellationTokenSource.CreateLinkedTokenSource(ending);

    /// <exception cref="OperationCanceledException">They don't read.</exception>
    public async Task SendAsync(ControlReply reply)
    {
        using var limit = new CancellationTokenSource(SendTimeout);
        await SendAsync(reply, limit.Token);
    }

    /// <summary>Waits for a slow reader until it is cancelled.</summary>
    public Task SendAsync(ControlReply reply, CancellationToken cancellation) =>
        ControlLines.WriteAsync(stream, JsonSerializer.SerializeToUtf8Bytes(reply, ControlJson.Default.ControlReply), cancellation);

    /// <summary>Set when who asked has gone, or the daemon ends. From here on the connection is read for its end; they have nothing more to say.</summary>
    public CancellationToken WatchForEnd()
    {
        _ = ReadEndAsync();
        return _gone.Token;
    }

    public void Dispose() => _gone.Dispose();

    private async Task ReadEndAsync()
    {
        try
        {
            // Whatever comes, or nothing: it is the end, for there was nothing more to say.
            _ = await stream.ReadAtLeastAsync(new byte[1], 1, throwOnEndOfStream: false, _gone.Token);
            await _gone.CancelAsync();
        }
        catch (IOException)
        {
            await _gone.CancelAsync();
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
        {
            // The answer was complete, or the daemon ends.
        }
    }
}
