using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Afs.Venus.Cache;

/// <summary>
/// Asks the kernel whether anybody has a file open or mapped for writing: it gives a read lease only where nobody has (fcntl(2), F_SETLEASE;
/// check_conflicting_open in fs/locks.c). A passthrough mapping keeps the container open for writing, so it is seen too.
/// </summary>
internal static partial class WriterCheck
{
    private const int SetSignal = 10, SetLease = 1024;
    private const int ReadLease = 0, NoLease = 2;

    /// <summary>What the kernel sends if somebody opens the file for writing during the look. Its default is to be ignored; that of SIGIO is to end the process.</summary>
    private const int SignalUrgent = 23;

    /// <summary>True also where the filesystem knows no leases.</summary>
    /// <param name="readOnly">Open for reading only, and the caller's only descriptor of the file.</param>
    public static bool MayBeWritten(SafeFileHandle readOnly)
    {
        int descriptor = (int)readOnly.DangerousGetHandle();
        if (Fcntl(descriptor, SetSignal, SignalUrgent) != 0 || Fcntl(descriptor, SetLease, ReadLease) != 0)
            return true;
        _ = Fcntl(descriptor, SetLease, NoLease);
        return false;
    }

    [LibraryImport("libc", EntryPoint = "fcntl")]
    private static partial int Fcntl(int file, int command, nint argument);
}
