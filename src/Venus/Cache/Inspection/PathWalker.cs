using System.Text;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>Walks paths for commands, as the kernel does for programs: name by name, with the asker's rights, and following no link.</summary>
internal sealed class PathWalker(Func<Fid> root, Statuses statuses, DirectoryCache directories)
{
    /// <summary>Rounds for a name whose vnode is replaced each time before it is asked about.</summary>
    private const int MostRounds = 16;

    /// <summary>The status of what a path stands for.</summary>
    /// <param name="path">From the mount point; empty for the mount point itself.</param>
    /// <returns>Abort NameNotFound, NotADirectory, NotPermitted or BadName; or the server's failure.</returns>
    public async ValueTask<Result<FetchStatus>> WalkAsync(string path, Requester asker, CancellationToken cancellation)
    {
        Result<FetchStatus> found = await statuses.GetAsync(root(), cancellation);
        if (path.Length == 0)
            return found;
        foreach (string name in path.Split('/'))
        {
            if (!found.IsSuccess)
                return found;
            if (found.Value.Type != FileType.Directory)
                return (Failure)AbortCodes.NotADirectory;
            if (!asker.MaySearch(found.Value))
                return (Failure)AbortCodes.NotPermitted;
            byte[] bytes = Encoding.UTF8.GetBytes(name);
            if (name is "" or "." or ".." || name.Contains('\0') || bytes.Length > Limits.NameBytes)
                return (Failure)AbortCodes.BadName;
            found = await StepAsync(found.Value.Fid, bytes, cancellation);
        }
        return found;
    }

    private async ValueTask<Result<FetchStatus>> StepAsync(Fid directory, byte[] name, CancellationToken cancellation)
    {
        for (int round = 0; round < MostRounds; round++)
        {
            Failure load = await directories.LoadAsync(directory, cancellation);
            if (!load.IsNone)
                return load;
            LookupAnswer answer = directories.TryLookup(directory, name, out Fid child, out _);
            if (answer == LookupAnswer.Absent)
                return (Failure)AbortCodes.NameNotFound;
            if (answer == LookupAnswer.Unknown)
                continue;
            Result<FetchStatus> status = await statuses.GetAsync(child, cancellation);
            if (status.IsSuccess || status.Failure != AbortCodes.NoVnode)
                return status;
            // Its name was removed or replaced by another client; the break is on its way.
        }
        return (Failure)AbortCodes.NameNotFound;
    }
}
