using System.Collections.Frozen;
using Afs.Rpc;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Hosting;

/// <summary>Failures as a person reads them, and what a command then ends with.</summary>
internal static class FailureText
{
    private static readonly FrozenDictionary<AbortCode, (ExitCode Code, string Text)> OfAborts = new Dictionary<AbortCode, (ExitCode, string)>
    {
        [AbortCodes.NameNotFound] = (ExitCode.NoSuchPath, "there is no such file or folder"),
        [AbortCodes.NoVnode] = (ExitCode.NoSuchPath, "it was removed"),
        [AbortCodes.NotADirectory] = (ExitCode.NoSuchPath, "a part of its path is no folder"),
        [AbortCodes.BadName] = (ExitCode.NoSuchPath, "it is no path that a file can have"),
        [AbortCodes.NotPermitted] = (ExitCode.NoPermission, "permission denied"),
        [AbortCodes.NoSpace] = (ExitCode.NotStored, "the server's disk is full"),
        [AbortCodes.ServerDiskFailed] = (ExitCode.Failed, "the server's disk failed"),
    }.ToFrozenDictionary();

    public static string Of(Failure failure) => Explain(failure).Text;

    public static ControlReply Refuse(string path, Failure failure)
    {
        (ExitCode code, string text) = Explain(failure);
        return ControlReply.Refuse(code, $"{path}: {text}");
    }

    private static (ExitCode Code, string Text) Explain(Failure failure) => failure.Kind switch
    {
        FailureKind.Refused => OfAborts.GetValueOrDefault(failure.Abort, (ExitCode.Failed, $"the server refuses ({failure.Abort})")),
        FailureKind.Unreachable => (ExitCode.ServerUnreachable, "the server can't be reached"),
        FailureKind.InDoubt => (ExitCode.ServerUnreachable, "the server didn't answer; it may have been done"),
        FailureKind.Interrupted => (ExitCode.Failed, "interrupted"),
        FailureKind.CacheFull => (ExitCode.CacheFull, "the cache has no room for it"),
        FailureKind.CacheDiskFailed => (ExitCode.CacheUnusable, "the cache's disk failed"),
        FailureKind.RemovedMeanwhile => (ExitCode.NotStored, "it was removed meanwhile; its data is in the recovered folder"),
        FailureKind.ContentDamaged => (ExitCode.Failed, "its content came damaged, more than once"),
        FailureKind.ShuttingDown => (ExitCode.NotMounted, "the mount ends"),
        _ => (ExitCode.Failed, failure.ToString()),
    };
}
