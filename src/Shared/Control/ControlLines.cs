namespace Afs.Control;

/// <summary>The lines of a control connection: each of a bounded length, ended by a newline.</summary>
public sealed class ControlLines(Stream stream, int mostBytes = ControlLines.MostReplyBytes)
{
    /// <summary>A list of recovered files may be long.</summary>
    public const int MostReplyBytes = 4 << 20;

    /// <summary>What a daemon reads of somebody whom it need not trust.</summary>
    public const int MostRequestBytes = 1 << 18;

    private readonly byte[] _buffer = new byte[4096];
    private int _start, _end;

    /// <summary>The next line, without its newline.</summary>
    /// <exception cref="IOException">The peer ended before the line did, or the line is too long.</exception>
    public async Task<byte[]> ReadAsync(CancellationToken cancellation)
    {
        var line = new MemoryStream();
        while (true)
        {
            if (_start == _end)
            {
                (_start, _end) = (0, await stream.ReadAsync(_buffer, cancellation));
                if (_end == 0)
                    throw new IOException("The connection ended in the middle of a line.");
            }
            int newline = Array.IndexOf(_buffer, (byte)'\n', _start, _end - _start);
            int until = newline < 0 ? _end : newline;
            line.Write(_buffer, _start, until - _start);
            _start = newline < 0 ? _end : newline + 1;
            if (newline >= 0)
                return line.ToArray();
            if (line.Length > mostBytes)
                throw new IOException("The line is too long.");
        }
    }

    public static async Task WriteAsync(Stream stream, byte[] line, CancellationToken cancellation) =>
        await stream.WriteAsync((byte[])[.. line, (byte)'\n'], cancellation);
}
