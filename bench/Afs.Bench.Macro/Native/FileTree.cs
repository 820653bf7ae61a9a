using System.Text;

namespace Afs.Bench.Macro.Native;

/// <summary>The name operations that are timed: stat, mkdir, rename, unlink, and what ls -l does.</summary>
public static unsafe class FileTree
{
    private const int EntryNameOffset = 19;
    private const int DeviceMajorOffset = 136;
    private const int DeviceMinorOffset = 140;
    private const int EntryLengthOffset = 16;
    private const int DirectoryBufferBytes = 32 * 1024;

    public static void Stat(NativePath path)
    {
        byte* result = stackalloc byte[LibC.StatxBytes];
        LibC.Check(LibC.Statx(LibC.CurrentDirectory, path.Pointer, 0, LibC.BasicStats, result), "stat", path.Text);
    }

    /// <summary>The disk that holds it: major number in the upper half, minor in the lower.</summary>
    public static long DeviceOf(NativePath path)
    {
        byte* result = stackalloc byte[LibC.StatxBytes];
        LibC.Check(LibC.Statx(LibC.CurrentDirectory, path.Pointer, 0, LibC.BasicStats, result), "stat", path.Text);
        return (long)*(uint*)(result + DeviceMajorOffset) << 32 | *(uint*)(result + DeviceMinorOffset);
    }

    public static void MakeDirectory(NativePath path) =>
        LibC.Check(LibC.MakeDirectory(path.Pointer, 0x1ED), "mkdir", path.Text);

    public static void RemoveDirectory(NativePath path) => LibC.Check(LibC.RemoveDirectory(path.Pointer), "rmdir", path.Text);

    public static void Rename(NativePath from, NativePath to) =>
        LibC.Check(LibC.Rename(from.Pointer, to.Pointer), "rename", from.Text);

    public static void Unlink(NativePath path) => LibC.Check(LibC.Unlink(path.Pointer), "unlink", path.Text);

    /// <summary>Reads every name of a directory and stats each, as ls -l does, without sorting or printing.</summary>
    /// <returns>How many entries there were, without "." and "..".</returns>
    public static int List(NativePath directory)
    {
        int fd = LibC.Open(directory.Pointer, LibC.ReadOnly | LibC.Directory | LibC.CloseOnExec, 0);
        LibC.Check(fd, "open", directory.Text);
        try
        {
            return ListOpen(fd, directory.Text);
        }
        finally
        {
            LibC.Check(LibC.Close(fd), "close", directory.Text);
        }
    }

    private static int ListOpen(int fd, string path)
    {
        byte* entries = stackalloc byte[DirectoryBufferBytes];
        byte* status = stackalloc byte[LibC.StatxBytes];
        int count = 0;
        while (true)
        {
            nint length = LibC.ReadDirectory(fd, entries, DirectoryBufferBytes);
            LibC.Check(length, "getdents", path);
            if (length == 0)
                return count;
            for (nint at = 0; at < length; at += *(ushort*)(entries + at + EntryLengthOffset))
            {
                byte* name = entries + at + EntryNameOffset;
                if (name[0] == '.' && (name[1] == 0 || (name[1] == '.' && name[2] == 0)))
                    continue;
                int result = LibC.Statx(fd, name, LibC.NoFollow, LibC.BasicStats, status);
                if (result != 0)
                    LibC.Check(result, "stat", path + "/" + NameAt(name));
                count++;
            }
        }
    }

    private static string NameAt(byte* name)
    {
        int length = 0;
        while (name[length] != 0)
            length++;
        return Encoding.UTF8.GetString(name, length);
    }
}
