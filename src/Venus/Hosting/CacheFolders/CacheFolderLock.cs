using System.Globalization;

namespace Afs.Venus.Hosting;

/// <summary>
/// Keeps a second daemon off a cache directory: an flock(2) on its file <c>lock</c>, which ends with the process, however that ends. The file
/// <c>pid</c> beside it says who that is.
/// </summary>
internal sealed class CacheFolderLock : IDisposable
{
    private const string Name = "lock";
    private const string PidName = "pid";

    private readonly FileStream _file;

    private CacheFolderLock(FileStream file) => _file = file;

    /// <exception cref="CacheFolderException">Another daemon has it; the message names its pid. Or the folder can't be written.</exception>
    public static CacheFolderLock Take(string folder)
    {
        string path = Path.Combine(folder, Name);
        try
        {
            // FileShare.None is LOCK_EX | LOCK_NB here.
            var file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 1);
            File.WriteAllText(Path.Combine(folder, PidName), Environment.ProcessId.ToString(CultureInfo.InvariantCulture) + "\n");
            return new CacheFolderLock(file);
        }
        catch (IOException) when (File.Exists(path) && Owner(folder) is { } owner)
        {
            throw new CacheFolderException($"The cache directory {folder} is in use by process {owner}. Use another one, or unmount that.") { IsInUse = true };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CacheFolderException($"The cache directory {folder} can't be used: {e.Message}", e);
        }
    }

    public void Dispose() => _file.Dispose();

    private static string? Owner(string folder)
    {
        try
        {
            return File.ReadAllText(Path.Combine(folder, PidName)).Trim() is { Length: > 0 } pid ? pid : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
