namespace Afs.Bench.Macro.Native;

/// <summary>An open file descriptor with nothing around it. Every failure is an <see cref="IOException"/>.</summary>
public readonly unsafe struct NativeFile : IDisposable
{
    private readonly NativePath _path;

    private NativeFile(int fd, NativePath path)
    {
        Descriptor = fd;
        _path = path;
    }

    internal int Descriptor { get; }

    public static NativeFile OpenRead(NativePath path) => Open(path, LibC.ReadOnly);

    /// <summary>For reading and writing; the file must exist.</summary>
    public static NativeFile OpenWrite(NativePath path) => Open(path, LibC.ReadWrite);

    /// <summary>Creates the file, or truncates it.</summary>
    public static NativeFile Create(NativePath path) => Open(path, LibC.ReadWrite | LibC.Create | LibC.Truncate);

    /// <summary>fsync(2) of a folder.</summary>
    public static void SyncFolder(NativePath path)
    {
        using NativeFile folder = OpenRead(path);
        folder.Sync();
    }

    private static NativeFile Open(NativePath path, int flags)
    {
        int fd = LibC.Open(path.Pointer, flags | LibC.CloseOnExec, 0x1A4);
        LibC.Check(fd, "open", path.Text);
        return new NativeFile(fd, path);
    }

    /// <returns>The bytes read; 0 at the end of the file.</returns>
    public int Read(Span<byte> buffer, long offset)
    {
        fixed (byte* first = buffer)
        {
            nint count = LibC.PRead(Descriptor, first, (nuint)buffer.Length, offset);
            LibC.Check(count, "read", _path.Text);
            return (int)count;
        }
    }

    public void Write(ReadOnlySpan<byte> data, long offset)
    {
        while (data.Length > 0)
        {
            fixed (byte* first = data)
            {
                nint count = LibC.PWrite(Descriptor, first, (nuint)data.Length, offset);
                LibC.Check(count, "write", _path.Text);
                data = data[(int)count..];
                offset += count;
            }
        }
    }

    public void Sync() => LibC.Check(LibC.FSync(Descriptor), "fsync", _path.Text);

    /// <summary>Asks the kernel to forget this file's clean pages. Dirty ones stay, so sync first.</summary>
    public void DropPages() => LibC.Advise(Descriptor, 0, 0, LibC.AdviceDontNeed);

    /// <summary>close(2); its error counts, for a filesystem that stores at close reports it here.</summary>
    public void Dispose() => LibC.Check(LibC.Close(Descriptor), "close", _path.Text);
}
