namespace Afs.Bench.Macro.Native;

/// <summary>A shared mapping of a whole file.</summary>
public sealed unsafe class MappedFile : IDisposable
{
    private readonly byte* _address;
    private readonly nuint _lengthBytes;

    public MappedFile(NativeFile file, long lengthBytes)
    {
        _lengthBytes = (nuint)lengthBytes;
        _address = LibC.Map(0, _lengthBytes, LibC.ProtectRead | LibC.ProtectWrite, LibC.MapShared, file.Descriptor, 0);
        LibC.Check((nint)_address, "mmap");
    }

    /// <summary>Loads one word of every 64 bytes, so that each page is faulted in and each cache line is touched.</summary>
    public long Sum()
    {
        long sum = 0;
        for (nuint at = 0; at + 8 <= _lengthBytes; at += 64)
            sum += *(long*)(_address + at);
        return sum;
    }

    public void Fill(byte value) => new Span<byte>(_address, checked((int)_lengthBytes)).Fill(value);

    public void Dispose() => LibC.Check(LibC.Unmap(_address, _lengthBytes), "munmap");
}
