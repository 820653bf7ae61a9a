using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using System.Text;

namespace Afs.Platform;

/// <summary>A folder can't be a daemon's own. The message is for the one who named it, and says what mends it.</summary>
public sealed class PrivateFolderException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>
/// A folder that a daemon keeps for itself: it belongs to the daemon's user, and nobody else may enter. What is in it, may it be as open as it likes, is then
/// reached by nobody else, and nobody else can put a symlink where the daemon will write.
/// </summary>
public static partial class PrivateFolder
{
    private const UnixFileMode OwnersOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const UnixFileMode Others =
        UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    /// <summary>What a fresh disk has in it.</summary>
    private const string LostAndFound = "lost+found";

    private const int StatxBytes = 256, StatxUidOffset = 20;
    private const uint StatxUid = 0x8;
    private const int CurrentFolder = -100;

    /// <summary>
    /// Makes the folder where there is none. An empty one of this user's is closed to others. One that is open to others and has something in it is refused:
    /// others may have read it, or have left something there.
    /// </summary>
    /// <exception cref="PrivateFolderException">It can't be made, is no folder, belongs to somebody else, or is open to others.</exception>
    public static void Claim(string path)
    {
        if (!OperatingSystem.IsLinux())
            throw new PlatformNotSupportedException("The daemons run on Linux.");
        try
        {
            Directory.CreateDirectory(path, OwnersOnly);
            RequireOwner(path);
            if ((File.GetUnixFileMode(path) & Others) == 0)
                return;
            if (Directory.EnumerateFileSystemEntries(path).Any(entry => Path.GetFileName(entry) != LostAndFound))
                throw new PrivateFolderException($"Others may enter {path}, so what is in it may be known to them or be theirs. If it is not, close it with: chmod 700 {path}");
            File.SetUnixFileMode(path, OwnersOnly);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PrivateFolderException($"{path} can't be used: {e.Message}", e);
        }
    }

    /// <summary>From here on files and folders that this process makes are its user's alone, whatever mode it asks for.</summary>
    public static void KeepNewFilesPrivate() => SetUmask(0x3F);

    private static void RequireOwner(string path)
    {
        uint user = EffectiveUserId();
        if (TryOwnerOf(path) is { } owner && owner != user)
            throw new PrivateFolderException($"{path} belongs to user {owner}, and this is user {user}. Use another folder, or, if what is in it may be trusted: chown -R {user} {path}");
    }

    /// <summary>Follows symlinks: who names a folder by one means what it points to.</summary>
    private static unsafe uint? TryOwnerOf(string path)
    {
        byte* buffer = stackalloc byte[StatxBytes];
        return Statx(CurrentFolder, path, 0, StatxUid, buffer) == 0 ? BinaryPrimitives.ReadUInt32LittleEndian(new ReadOnlySpan<byte>(buffer + StatxUidOffset, sizeof(uint))) : null;
    }

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int Statx(int folder, string path, int flags, uint mask, byte* buffer);

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint EffectiveUserId();

    [LibraryImport("libc", EntryPoint = "umask")]
    private static partial uint SetUmask(uint mask);
}

/// <summary>A file that is to be known to the daemon's user alone: a private key, or headers with passwords. One that others can read or change is refused.</summary>
public static class SecretFile
{
    /// <summary>A group may read it, as administrators of certificates have it.</summary>
    private const UnixFileMode MayNotHave = UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;

    /// <summary>Why it can't be a secret, with what mends it; null: it can.</summary>
    /// <exception cref="IOException">It isn't there, or can't be looked at.</exception>
    public static string? FindObjection(string path)
    {
        using FileStream file = File.OpenRead(path);
        return Objection(file, path);
    }

    /// <param name="text">UTF-8.</param>
    /// <param name="wrong">In one line, for who named the file; nothing of its content.</param>
    public static bool TryRead(string path, int mostBytes, [NotNullWhen(true)] out string? text, [NotNullWhen(false)] out string? wrong)
    {
        text = null;
        try
        {
            // What is looked at is what is read, whatever becomes of the name.
            using FileStream file = File.OpenRead(path);
            wrong = Objection(file, path) ?? (file.Length > mostBytes ? $"{path} is longer than {mostBytes} bytes." : null);
            if (wrong is not null)
                return false;
            using var reader = new StreamReader(file, Encoding.UTF8);
            text = reader.ReadToEnd();
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            wrong = $"{path} can't be read: {e.Message}";
            return false;
        }
    }

    private static string? Objection(FileStream file, string path)
    {
        if (!OperatingSystem.IsLinux())
            throw new PlatformNotSupportedException("The daemons run on Linux.");
        return (File.GetUnixFileMode(file.SafeFileHandle) & MayNotHave) != 0 ? $"others can read or change {path}. Mend it with: chmod 600 {path}" : null;
    }
}
