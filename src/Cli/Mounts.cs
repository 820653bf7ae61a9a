using System.CommandLine;
using System.Runtime.InteropServices;

namespace Afs.Cli;

/// <summary>Finds mounts: those of this user, and those that root made for all.</summary>
internal static class MountFinder
{
    private static IEnumerable<string> Folders => new[] { ControlSocket.Folder(), ControlSocket.SystemFolder }.Distinct();

    /// <summary>All of them, also those whose daemon died.</summary>
    public static IEnumerable<Mount> All() => Folders.SelectMany(ControlSocket.AllIn).Select(static socket => new Mount(socket));

    /// <summary>The mount that a path lies in, or all mounts where there is no path.</summary>
    /// <exception cref="ControlException">It lies in none.</exception>
    public static IEnumerable<Mount> AllOrOf(string? path) => path is null ? All() : [Find(path).Mount];

    /// <summary>Links on the way are followed; the last name stands for itself, unless it is a link to a place in a mount from outside of any.</summary>
    /// <exception cref="ControlException">It lies in no mount.</exception>
    public static MountedFile Find(string path)
    {
        // The runtime's own working directory is text, and loses what is no UTF-8.
        string absolute = Path.IsPathRooted(path) ? path : Path.Join(RealPath.Of(".") ?? "/", path);
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(absolute));
        return TryFind(Resolve(full)) ?? TryFind(RealPath.Of(full) ?? full)
            ?? throw new ControlException(ExitCode.NotMounted, $"{path} is in no mount of Afs.");
    }

    /// <summary>Several paths of one mount.</summary>
    /// <exception cref="ControlException">One lies in no mount, or they lie in different ones.</exception>
    public static (Mount Mount, IReadOnlyList<string> Paths) FindAll(IReadOnlyList<string> paths)
    {
        MountedFile[] files = [.. paths.Select(Find)];
        if (files.Any(file => file.Mount != files[0].Mount))
            throw new ControlException(ExitCode.Usage, "The paths lie in different mounts; name those of one mount at a time.");
        return (files[0].Mount, [.. files.Select(static file => file.Path)]);
    }

    private static string Resolve(string full)
    {
        string? folder = Path.GetDirectoryName(full);
        return folder is not null && RealPath.Of(folder) is { } real ? Path.Join(real, Path.GetFileName(full)) : full;
    }

    private static MountedFile? TryFind(string full)
    {
        for (string? folder = full; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            foreach (string sockets in Folders)
            {
                string socket = ControlSocket.PathIn(sockets, folder);
                if (File.Exists(socket))
                    return new MountedFile(new Mount(socket), full[folder.Length..].TrimStart('/'));
            }
        }
        return null;
    }
}

/// <summary>Asks the mount that a path lies in, or all mounts: one that can't answer then keeps nobody from hearing of the others.</summary>
internal static class MountSurvey
{
    /// <exception cref="ControlException">There is a path, and its mount doesn't answer, or refuses.</exception>
    public static async Task<IReadOnlyList<ControlReply>> AskAsync(string? path, ControlRequest request, CancellationToken cancellation)
    {
        if (path is not null)
            return [await MountFinder.Find(path).Mount.AskAsync(request, cancellation)];
        ControlReply?[] replies = await Task.WhenAll(MountFinder.All().Select(mount => TryAskAsync(mount, request, cancellation)));
        return [.. replies.OfType<ControlReply>()];
    }

    /// <summary>Null: its daemon died, or this user may not ask it; or it doesn't answer, or is of another version, which is said.</summary>
    private static async Task<ControlReply?> TryAskAsync(Mount mount, ControlRequest request, CancellationToken cancellation)
    {
        try
        {
            ControlReply? reply = await ControlClient.TryAskSoonAsync(mount.SocketPath, request, cancellation);
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

/// <summary>A mount on this machine, by its daemon's socket.</summary>
internal sealed record Mount(string SocketPath)
{
    /// <exception cref="ControlException">The daemon is gone, or refuses.</exception>
    public async Task<ControlReply> AskAsync(ControlRequest request, CancellationToken cancellation) =>
        Check(await ControlClient.TryAskAsync(SocketPath, request, cancellation));

    /// <summary>The reply, where there is one and it is no refusal.</summary>
    /// <exception cref="ControlException">The daemon is gone, or refuses.</exception>
    public ControlReply Check(ControlReply? reply)
    {
        if (reply is null)
            throw new ControlException(ExitCode.NotMounted, "The daemon of this mount has ended, or this user may not ask it.");
        return reply.Code == ExitCode.Done ? reply : throw new ControlException(reply.Code, reply.Message ?? "The daemon refuses.");
    }
}

/// <summary>Something in a mount.</summary>
/// <param name="Path">From the mount point; empty for that itself.</param>
internal sealed record MountedFile(Mount Mount, string Path);

/// <summary>Paths on the command line.</summary>
internal static class PathArgument
{
    /// <summary>A mount point or anything in it; null where left out.</summary>
    public static Argument<string?> OfMount(string whereLeftOut = "all mounts") => new Argument<string?>("path")
    {
        Arity = ArgumentArity.ZeroOrOne,
        Description = $"A mount point or anything in it; {whereLeftOut} where left out.",
    };

    public static Argument<string> One(string description) => new Argument<string>("path") { Description = description };

    public static Argument<string[]> Many(bool mayBeNone = false) => new Argument<string[]>("path")
    {
        Arity = mayBeNone ? ArgumentArity.ZeroOrMore : ArgumentArity.OneOrMore,
        Description = "Files or folders of one mount.",
    };
}

/// <summary>realpath(3): the path without links, by the kernel's own walk and this user's rights.</summary>
internal static unsafe partial class RealPath
{
    /// <summary>Null: it isn't there, or can't be reached.</summary>
    public static string? Of(string path)
    {
        byte[] bytes = [.. ByteText.ToBytes(path), 0];
        byte* resolved;
        fixed (byte* name = bytes)
            resolved = Resolve(name, null);
        if (resolved is null)
            return null;
        try
        {
            return ByteText.Of(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(resolved));
        }
        finally
        {
            Free(resolved);
        }
    }

    [LibraryImport("libc", EntryPoint = "realpath")]
    private static partial byte* Resolve(byte* path, byte* buffer);

    [LibraryImport("libc", EntryPoint = "free")]
    private static partial void Free(void* memory);
}
