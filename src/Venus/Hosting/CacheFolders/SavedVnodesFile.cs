using Afs.Platform;
using Afs.Venus.Cache;
using Microsoft.Extensions.Logging;

namespace Afs.Venus.Hosting;

/// <summary>The file <c>vnodes.db</c> of a cache directory.</summary>
internal static partial class SavedVnodesFile
{
    private const string Name = "vnodes.db";

    /// <summary>Opens or makes it; one that is damaged, or of a newer format, is deleted first.</summary>
    /// <exception cref="DiskException">It can't be opened.</exception>
    public static SqliteSavedVnodes Open(string folder, ILogger log)
    {
        string path = Path.Combine(folder, Name);
        try
        {
            return SqliteSavedVnodes.Open(path);
        }
        catch (DiskException e) when (e.Failure == DiskFailure.Failed && File.Exists(path))
        {
            LogDamaged(log, path, e.Message);
            foreach (string file in (string[])[path, path + "-wal", path + "-shm"])
                File.Delete(file);
            return SqliteSavedVnodes.Open(path);
        }
    }

    [LoggerMessage(EventId = 320, Level = LogLevel.Warning, Message = "{Path} can't be read ({Reason}) and is begun anew: what it says is asked of the server again")]
    private static partial void LogDamaged(ILogger log, string path, string reason);
}
