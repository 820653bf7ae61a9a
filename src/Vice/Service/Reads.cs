using Afs.Platform;
using Afs.Rpc;
using Afs.Vice.Callbacks;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;
using Microsoft.Extensions.Logging;

namespace Afs.Vice.Service;

/// <summary>Runs reads: finds the caller's session, and turns a failing disk into an abort.</summary>
internal sealed partial class Reads(Sessions sessions, ServiceFigures figures, ILogger log)
{
    public async ValueTask<Outcome<T>> RunAsync<T>(CallContext context, AbortCode check, Func<ClientSession, Outcome<T>> read)
    {
        figures.CountRead();
        if (check != AbortCode.None)
            return check;
        if (await sessions.EnterAsync(context) is not { } session)
            return Outcome<T>.NotExecuted;
        try
        {
            return read(session);
        }
        catch (Exception e) when (e is StorageException or DiskException)
        {
            figures.CountStorageFailure();
            LogFailed(log, typeof(T).Name, e.Message);
            return AbortCodes.ServerDiskFailed;
        }
    }

    [LoggerMessage(EventId = 3201, Level = LogLevel.Error, Message = "{Reply} could not be read: {Reason}")]
    private static partial void LogFailed(ILogger log, string reply, string reason);
}
