namespace Afs.Fuse.Mounting;

/// <summary>Files of /sys by which a process tells the kernel something about a mount.</summary>
internal static class KernelFile
{
    /// <summary>False: this process may not write there, e.g. in a container with a read-only /sys, or the mount is gone already.</summary>
    public static bool TryWrite(string path, string value)
    {
        try
        {
            File.WriteAllText(path, value);
            return true;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
