using System.Security.Cryptography;
using System.Text;

namespace Afs.Venus.Hosting;

/// <summary>
/// Where the daemon of a mount point listens for commands: <c>/run/venus</c> for root, else a folder of the user's own. The socket's name is the mount
/// point, escaped, so that a command finds it. Only the owner can reach it: the folder has mode 0700.
/// </summary>
internal static class ControlSocket
{
    public const string Extension = ".sock";

    /// <summary>What remains of sun_path's 107 bytes for the name.</summary>
    private const int MaxPathBytes = 107;

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    public static string Folder()
    {
        if (Environment.UserName == "root")
            return "/run/venus";
        string? runtime = Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR");
        return runtime is { Length: > 0 } ? Path.Combine(runtime, "venus") : Path.Combine(Path.GetTempPath(), $"venus-{Environment.UserName}");
    }

    public static void CreateFolder() => Directory.CreateDirectory(Folder(), OwnerOnly);

    public static string PathOf(string mountPoint)
    {
        string path = Path.Combine(Folder(), Escape(mountPoint) + Extension);
        if (Encoding.UTF8.GetByteCount(path) <= MaxPathBytes)
            return path;
        string hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(mountPoint)));
        return Path.Combine(Folder(), hash + Extension);
    }

    /// <summary>The sockets of all daemons of this user, also of dead ones.</summary>
    public static IEnumerable<string> All() =>
        Directory.Exists(Folder()) ? Directory.EnumerateFiles(Folder(), "*" + Extension).Order() : [];

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
