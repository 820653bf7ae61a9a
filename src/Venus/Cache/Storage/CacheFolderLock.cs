using System.Globalization;
using System.Text;

namespace Afs.Venus.Cache;

/// <summary>
/// Keeps a second daemon off a cache directory: an flock(2) on its file <c>lock</c>, which holds the pid of the owner. It ends with the process,
/// however that ends.
/// </summary>
internal sealed class CacheFolderLock : IDisposable
{
    private const string Name = "lock";

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
            file.SetLength(0);
            file.Write(Encoding.ASCII.GetBytes(Environment.ProcessId.ToString(CultureInfo.InvariantCulture) + "\n"));
            file.Flush();
            return new CacheFolderLock(file);
        }
        catch (IOException) when (Owner(path) is { } owner)
        {
            throw new CacheFolderException($"The cache directory {folder} is in use by process {owner}. Use another one, or unmount that.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CacheFolderException($"The cache directory {folder} can't be used: {e.Message}", e);
        }
    }

    public void Dispose() => _file.Dispose();

    private static string? Owner(string path)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            using var reader = new StreamReader(file);
            return reader.ReadLine()?.Trim() is { Length: > 0 } pid ? pid : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
