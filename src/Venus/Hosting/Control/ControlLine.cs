namespace Afs.Venus.Hosting;

/// <summary>Lines of the control protocol: at most <see cref="MaxBytes"/>, ended by a newline.</summary>
internal static class ControlLine
{
    public const int MaxBytes = 1 << 20;

    /// <exception cref="IOException">The peer ended before the line did, or the line is too long.</exception>
    public static async Task<byte[]> ReadAsync(Stream stream, CancellationToken cancellation)
    {
        var line = new MemoryStream();
        byte[] buffer = new byte[4096];
        while (true)
        {
            int count = await stream.ReadAsync(buffer, cancellation);
            if (count == 0)
                throw new IOException("The connection ended in the middle of a line.");
            int end = Array.IndexOf(buffer, (byte)'\n', 0, count);
            line.Write(buffer, 0, end < 0 ? count : end);
            if (end >= 0)
                return line.ToArray();
            if (line.Length > MaxBytes)
                throw new IOException("The line is too long.");
        }
    }

    public static async Task WriteAsync(Stream stream, byte[] line, CancellationToken cancellation)
    {
        await stream.WriteAsync(line, cancellation);
        await stream.WriteAsync("\n"u8.ToArray(), cancellation);
    }
}
