using System.Runtime.InteropServices;

namespace Afs.Platform;

/// <summary>From the framework's exceptions, whose HResult is the errno on Linux, to <see cref="DiskException"/>.</summary>
internal static class DiskErrors
{
    private const int EACCES = 13, EEXIST = 17, ENFILE = 23, EMFILE = 24, ENOENT = 2, ENOSPC = 28, EPERM = 1, EROFS = 30, EDQUOT = 122;

    public static T Translate<T>(string name, Func<T> action)
    {
        try
        {
            return action();
        }
        catch (Exception e) when (e is not DiskException and (IOException or UnauthorizedAccessException))
        {
            throw From(name, e);
        }
    }

    public static void Translate(string name, Action action) => Translate(name, () =>
    {
        action();
        return true;
    });

    public static DiskException From(string name, Exception e) => e switch
    {
        DiskException already => already,
        FileNotFoundException or DirectoryNotFoundException => new(DiskFailure.NotFound, $"{name}: {e.Message}", e),
        UnauthorizedAccessException => new(DiskFailure.NoPermission, $"{name}: {e.Message}", e),
        _ => new(FromNumber(e.HResult), $"{name}: {e.Message}", e),
    };

    public static DiskException FromErrno(string name, int errno) => new(FromNumber(errno), $"{name}: {Marshal.GetPInvokeErrorMessage(errno)}");

    private static DiskFailure FromNumber(int errno) => errno switch
    {
        ENOSPC or EDQUOT => DiskFailure.NoSpace,
        ENOENT => DiskFailure.NotFound,
        EEXIST => DiskFailure.Exists,
        EACCES or EPERM => DiskFailure.NoPermission,
        EROFS => DiskFailure.ReadOnly,
        EMFILE or ENFILE => DiskFailure.TooManyOpenFiles,
        _ => DiskFailure.Failed,
    };
}
