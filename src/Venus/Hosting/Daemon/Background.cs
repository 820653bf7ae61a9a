using System.CommandLine;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;
using Afs.Venus.Cache;

namespace Afs.Venus.Hosting;

/// <summary>
/// Puts the daemon into the background once the mount is up. The command starts itself again as a child, which mounts, and says on its output
/// that it is ready, or ends with the message and the exit code that the command then ends with. The child has none of the command's own
/// descriptors, which whoever started the command may wait for; what it says until it is ready, the command passes on.
/// </summary>
internal static partial class Background
{
    private const int StandardOutput = 1, StandardError = 2;
    private const int WriteOnly = 0x1, Create = 0x40, Append = 0x400, CloseOnExec = 0x80000;
    private const int OwnerReadWrite = 0x180;
    private const string Nowhere = "/dev/null";

    /// <summary>Marks the child; not for users.</summary>
    public static readonly Option<bool> ChildOption = new("--background-child") { Hidden = true };

    /// <summary>The command's side: starts the child and waits until it is ready or has failed.</summary>
    public static async Task<int> StartAsync()
    {
        ProcessStartInfo start = SelfStart.Make();
        (start.RedirectStandardInput, start.RedirectStandardOutput, start.RedirectStandardError) = (true, true, true);
        start.ArgumentList.Add(ChildOption.Name);
        using Process child = Process.Start(start) ?? throw new HostingException(ExitCode.Failed, "The daemon can't be started.");
        Task relay = RelayAsync(child.StandardError);
        if (await child.StandardOutput.ReadLineAsync() == DaemonProcess.Ready)
            return (int)ExitCode.Done;
        await child.WaitForExitAsync();
        await relay;
        return child.ExitCode == (int)ExitCode.Done ? (int)ExitCode.Failed : child.ExitCode;
    }

    /// <summary>The child's side.</summary>
    /// <param name="run">Runs the mount, and calls back when it is up.</param>
    /// <exception cref="HostingException">Its log can't be written, or what the mount throws.</exception>
    public static async Task<int> RunChildAsync(MountSettings settings, Func<MountSettings, Action, Task<ExitCode>> run)
    {
        int log = OpenLog(settings.LogFile);
        return (int)await run(settings, () => Leave(log));
    }

    /// <summary>As a daemon under a supervisor in the foreground: a Ctrl-C is the supervisor's to pass on.</summary>
    public static async Task<int> RunSupervisedAsync(MountSettings settings)
    {
        SetSession();
        return (int)await MountDaemon.RunAsync(settings, SayReady);
    }

    private static void SayReady()
    {
        Console.Out.WriteLine(DaemonProcess.Ready);
        Console.Out.Flush();
    }

    private static async Task RelayAsync(StreamReader said)
    {
        while (await said.ReadLineAsync() is { } line)
            Console.Error.WriteLine(line);
    }

    private static void Leave(int log)
    {
        SayReady();
        SetSession();
        int nothing = Open(Nowhere, WriteOnly | CloseOnExec, 0);
        if (nothing < 0)
            throw new HostingException(ExitCode.Failed, $"{Nowhere} can't be opened.");
        _ = Duplicate(log, StandardError);
        _ = Duplicate(nothing, StandardOutput);
        _ = Close(log);
        _ = Close(nothing);
    }

    /// <summary>Before the mount is made: whoever asked for a log is told at once that there can be none.</summary>
    private static int OpenLog(string? file)
    {
        int log = Open(file ?? Nowhere, WriteOnly | Create | Append | CloseOnExec, OwnerReadWrite);
        return log >= 0 ? log : throw new HostingException(ExitCode.Failed, $"The log file {file} can't be written: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}.");
    }

    [LibraryImport("libc", EntryPoint = "setsid")]
    private static partial int SetSession();

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int Open(string path, int flags, int mode);

    [LibraryImport("libc", EntryPoint = "dup2")]
    private static partial int Duplicate(int from, int to);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}

/// <summary>Reads the recovered folder of a cache, for people to see.</summary>
internal static class RecoveredFiles
{
    private const string Folder = "recovered";
    private const string DescriptionExtension = ".json";
    private const int MaxListed = 4096;

    public static IReadOnlyList<RecoveredFile> List(string cacheFolder)
    {
        string folder = Path.Combine(cacheFolder, Folder);
        if (!Directory.Exists(folder))
            return [];
        IEnumerable<RecoveredFile> files = Directory.EnumerateFiles(folder, "*" + DescriptionExtension).Order().Select(description => Read(folder, description));
        IEnumerable<RecoveredFile> refused = Directory.EnumerateDirectories(folder, RefusedTree.Prefix + "*").Order().SelectMany(ReadRefused);
        return [.. files.Concat(refused).Take(MaxListed)];
    }

    /// <summary>What was refused together: one entry for each change.</summary>
    private static IEnumerable<RecoveredFile> ReadRefused(string folder)
    {
        string list = Path.Combine(folder, RefusedTree.ListName);
        try
        {
            return [.. (JsonSerializer.Deserialize(File.ReadAllBytes(list), RefusedJson.Default.ListRefusedEntry) ?? []).Select(entry => Describe(folder, list, entry))];
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            return [new RecoveredFile(folder, "", "", $"its list can't be read: {e.Message}")];
        }
    }

    private static RecoveredFile Describe(string folder, string list, RefusedEntry entry)
    {
        bool isWithin = entry.File is { Length: > 0 } file && !file.Split('/').Contains("..") && !Path.IsPathRooted(file) && !file.Contains('\0');
        string what = entry.To is null ? $"{entry.Kind} of {entry.Path}" : $"{entry.Kind} of {entry.Path} to {entry.To}";
        return new RecoveredFile(isWithin ? Path.Combine(folder, entry.File!) : list, entry.Path ?? "", entry.Fid ?? "", $"{what}: the server refused: {entry.Reason}");
    }

    private static RecoveredFile Read(string folder, string description)
    {
        try
        {
            RecoveredEntry? entry = JsonSerializer.Deserialize<RecoveredEntry>(File.ReadAllText(description));
            if (entry is { Name.Length: > 0 } && Path.GetFileName(entry.Name) == entry.Name && !entry.Name.Contains('\0') && entry.Name is not ("." or ".."))
                return new RecoveredFile(Path.Combine(folder, entry.Name), entry.Original ?? "", entry.Fid ?? "", entry.Reason ?? "");
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            return new RecoveredFile(description, "", "", $"its description can't be read: {e.Message}");
        }

        return new RecoveredFile(description, "", "", "its description names no file");
    }
}
