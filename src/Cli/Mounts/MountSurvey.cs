namespace Afs.Cli;

/// <summary>Asks the mount that a path lies in, or all mounts: one that can't answer then keeps nobody from hearing of the others.</summary>
internal static class MountSurvey
{
    /// <exception cref="ControlException">There is a path, and its mount doesn't answer, or refuses.</exception>
    public static async Task<IReadOnlyList<ControlReply>> AskAsync(string? path, ControlRequest request, CancellationToken cancellation)
    {
        if (path is not null)
            return [await MountFinder.Find(path).Mount.AskAsync(request, cancellation)];
        var replies = new List<ControlReply>();
        foreach (Mount mount in MountFinder.All())
        {
            if (await TryAskAsync(mount, request, cancellation) is { } reply)
                replies.Add(reply);
        }
        return replies;
    }

    /// <summary>Null: its daemon died, or this user may not ask it; or it is of another version, which is said.</summary>
    private static async Task<ControlReply?> TryAskAsync(Mount mount, ControlRequest request, CancellationToken cancellation)
    {
        try
        {
            ControlReply? reply = await ControlClient.TryAskAsync(mount.SocketPath, request, cancellation);
            if (reply?.Message is { } message)
                Console.Error.WriteLine($"afs: {message}");
            return reply;
        }
        catch (ControlException e)
        {
            Console.Error.WriteLine($"afs: {mount.SocketPath}: {e.Message}");
            return null;
        }
    }
}
