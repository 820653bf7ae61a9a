using System.IO.MemoryMappedFiles;

namespace Afs.Fuzz;

/// <summary>The input that a process works on, in a file that outlives it: what ends a process leaves no time to write anything down.</summary>
internal sealed class InputRecord : IDisposable
{
    private readonly int _mostBytes;
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;

    public InputRecord(string path, int mostBytes)
    {
        _mostBytes = mostBytes;
        _file = MemoryMappedFile.CreateFromFile(path, FileMode.Create, mapName: null, sizeof(int) + mostBytes);
        _view = _file.CreateViewAccessor();
    }

    /// <exception cref="ArgumentException">It is longer than any that was announced.</exception>
    public unsafe void Put(ReadOnlySpan<byte> input)
    {
        if (input.Length > _mostBytes)
            throw new ArgumentException($"An input of {input.Length} bytes, where {_mostBytes} may be.");
        byte* start = null;
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        *(int*)start = input.Length;
        input.CopyTo(new Span<byte>(start + sizeof(int), input.Length));
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
    }

    /// <summary>Of a process that has ended.</summary>
    public static byte[] Read(string path)
    {
        byte[] all = File.ReadAllBytes(path);
        return all.AsSpan(sizeof(int), BitConverter.ToInt32(all)).ToArray();
    }

    public void Dispose()
    {
        _view.Dispose();
        _file.Dispose();
    }
}
