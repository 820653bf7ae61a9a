using System.Security.Cryptography;
using System.Text;

namespace Afs.Control;

/// <summary>
/// Where the daemon of a mount point listens for commands: <c>/run/venus</c> for root, else a folder of the user's own. The socket's name is the mount
/// point, escaped, so that a command finds it. A user's own folder is closed to others. In root's anybody may look; the socket's own mode says
/// who may ask, and the daemon decides for each request by who asks.
/// </summary>
public static class ControlSocket
{
    public const string Extension = ".sock";

    /// <summary>What remains of sun_path's 107 bytes for the name.</summary>
    private const int MaxPathBytes = 107;

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>Of the daemons that root started.</summary>
    public const string SystemFolder = "/run/venus";

    private const UnixFileMode OthersLook = OwnerOnly | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    public static string Folder()
    {
        if (Environment.UserName == "root")
            return SystemFolder;
        string? runtime = Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR");
        return runtime is { Length: > 0 } ? Path.Combine(runtime, "venus") : Path.Combine(Path.GetTempPath(), $"venus-{Environment.UserName}");
    }

    public static void CreateFolder()
    {
        UnixFileMode mode = Folder() == SystemFolder ? OthersLook : OwnerOnly;
        Directory.CreateDirectory(Folder(), mode);
        File.SetUnixFileMode(Folder(), mode);
    }

    public static string PathOf(string mountPoint) => PathIn(Folder(), mountPoint);

    /// <summary>The socket of a mount point in the folder of one user's daemons.</summary>
    public static string PathIn(string folder, string mountPoint)
    {
        string path = Path.Combine(folder, Escape(mountPoint) + Extension);
        if (Encoding.UTF8.GetByteCount(path) <= MaxPathBytes)
            return path;
        string hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(mountPoint)));
        return Path.Combine(folder, hash + Extension);
    }

    /// <summary>The sockets of all daemons of this user, also of dead ones.</summary>
    public static IEnumerable<string> All() => AllIn(Folder());

    /// <summary>The sockets in the folder of one user's daemons, also of dead ones.</summary>
    public static IEnumerable<string> AllIn(string folder) =>
        Directory.Exists(folder) ? Directory.EnumerateFiles(folder, "*" + Extension).Order() : [];

    /// <summary>As systemd-escape(1) with --path: '/' becomes '-', all but letters, digits, '_' and '.' becomes \xNN.</summary>
    private static string Escape(string path)
    {
        var escaped = new StringBuilder();
        foreach (byte b in Encoding.UTF8.GetBytes(path.Trim('/')))
        {
            char c = (char)b;
            if (c == '/')
                escaped.Append('-');
            else if (char.IsAsciiLetterOrDigit(c) || c is '_' or '.')
                escaped.Append(c);
            else
                escaped.Append($"\\x{b:x2}");
        }

        return escaped.ToString();
    }
}
