namespace Afs.Rpc;

/// <summary>Lets the service take its time, while the client sees that its server is alive.</summary>
internal static class BulkPatience
{
    /// <summary>Waits for the service, and sends a Pong every so often meanwhile. Nothing else may be sent on the connection.</summary>
    public static async ValueTask<T> WaitAsync<T>(ValueTask<T> work, RpcConnection connection, BulkWatch watch, RpcServerOptions options)
    {
        if (work.IsCompleted)
            return await work;
        Task<T> task = work.AsTask();
        while (true)
        {
            try
            {
                T result = await task.WaitAsync(options.Timings.KeepAlive, options.Time);
                watch.Moved();
                return result;
            }
            catch (TimeoutException) when (!task.IsCompleted)
            {
                watch.Moved();
                if (connection.EndReason is null)
                    await PongAsync(connection);
            }
        }
    }

    /// <summary>What the service does isn't given up because its client is gone: its result is remembered.</summary>
    private static async ValueTask PongAsync(RpcConnection connection)
    {
        try
        {
            await connection.SendDirectAsync(default(PongFrame));
        }
        catch (IOException e)
        {
            connection.Break(e.Message);
        }
    }
}
