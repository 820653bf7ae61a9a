using System.Globalization;

namespace Afs.Fuse.Mounting;

/// <summary>
/// How far the kernel reads ahead in a mount's files: read_ahead_kb of its backing device (Documentation/ABI/testing/sysfs-class-bdi). INIT can only lower the
/// kernel's own 128 KiB (process_init_reply in fs/fuse/inode.c).
/// </summary>
internal static class ReadAhead
{
    /// <summary>False: this process may not set it, and it stays as it is.</summary>
    public static bool TrySet(uint deviceMinor, int lengthBytes) => KernelFile.TryWrite(
        string.Create(CultureInfo.InvariantCulture, $"/sys/class/bdi/0:{deviceMinor}/read_ahead_kb"), (lengthBytes >> 10).ToString(CultureInfo.InvariantCulture));
}
