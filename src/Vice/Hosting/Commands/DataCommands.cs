using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Afs.CommandLines;
using Afs.Platform;
using Afs.Vice.Hosting.Data;
using Afs.Vice.Salvage;
using Afs.Vice.Service;
using Afs.Vice.Volumes.Content;
using Afs.Vice.Volumes.Metadata;

namespace Afs.Vice.Hosting.Commands;

/// <summary><c>vice salvage</c>: checks a folder whose server doesn't run.</summary>
internal static class SalvageCommand
{
    private static readonly Option<string> Data = new("--data") { HelpName = "DIR", Required = true, Description = "The server's folder." };
    private static readonly Option<bool> Repair = new("--repair") { Description = "Put right what can be put right without loss." };
    private static readonly Option<bool> NewIncarnation = new("--new-incarnation") { Description = "After a restore from a backup: no client takes its cache for what is here." };

    public static Command Create()
    {
        var command = new Command("salvage", "Checks the data of a server that doesn't run. Ends with 1 if there are problems.") { Data, Repair, NewIncarnation };
        command.SetAction((parsed, _) => RunAsync(parsed.GetValue(Data)!, parsed.GetValue(Repair), parsed.GetValue(NewIncarnation)));
        return command;
    }

    private static async Task<int> RunAsync(string path, bool mayRepair, bool isRestored)
    {
        using DataFolder data = DataFolder.Open(path, mayCreate: false, OpenFileLimit.Raise());
        try
        {
            if (data.Metadata.CheckIntegrity() is { Length: > 0 } damage)
            {
                Console.WriteLine($"{ProblemKind.DamagedDatabase}: {damage}");
                Console.WriteLine("The database can't be repaired here. Restore metadata.db from a backup.");
                return ExitCode.Problems;
            }
            var salvager = new Salvager(data.Metadata, FileContentStore.Of(data.Disk));
            if (mayRepair)
                Console.WriteLine($"{await salvager.RepairAsync(new Random())} repaired");
            if (isRestored)
                salvager.Renew(new Random());
            return Print(await salvager.CheckAsync());
        }
        catch (StorageException e)
        {
            throw new StartException(DataFolder.Explain(path, e), e);
        }
    }

    private static int Print(SalvageReport report)
    {
        foreach (Problem problem in report.Problems)
            Console.WriteLine(problem);
        Console.WriteLine($"{report.Volumes} volumes, {report.Vnodes} vnodes, {report.Names} names, {report.Contents} contents");
        Console.WriteLine($"{report.Problems.Count}{(report.HasMore ? " or more" : "")} problems");
        return report.Problems.Count == 0 ? ExitCode.Ok : ExitCode.Problems;
    }
}

/// <summary><c>vice scrub</c>: reads all contents.</summary>
internal static class ScrubCommand
{
    private const int ContentsPerProgress = 64;

    private static readonly Option<string> Data = new("--data") { HelpName = "DIR", Required = true, Description = "The server's folder. The server may run." };
    private static readonly Option<bool> Json = new("--json") { Description = "For programs." };

    public static Command Create()
    {
        var command = new Command("scrub", "Compares all contents with their checksums. Ends with 1 if there are problems.") { Data, Json };
        command.SetAction((parsed, stop) => RunAsync(parsed.GetValue(Data)!, parsed.GetValue(Json), stop));
        return command;
    }

    private static async Task<int> RunAsync(string path, bool asJson, CancellationToken stop)
    {
        try
        {
            using DataReader data = DataReader.Open(path);
            var scrubber = new Scrubber(data.OpenView, data.Contents);
            bool showsProgress = !asJson && !Console.IsErrorRedirected;
            ScrubReport report = await scrubber.RunAsync((contents, bytes) => Progress(showsProgress, contents, bytes), stop);
            if (showsProgress)
                Console.Error.WriteLine();
            Print(report, asJson);
            return report.Problems.Count == 0 ? ExitCode.Ok : ExitCode.Problems;
        }
        catch (StorageException e)
        {
            throw new StartException(DataFolder.Explain(path, e), e);
        }
    }

    private static void Progress(bool isShown, long contents, long bytes)
    {
        if (isShown && contents % ContentsPerProgress == 0)
            Console.Error.Write($"\r{contents:n0} contents, {bytes:n0} bytes ");
    }

    private static void Print(ScrubReport report, bool asJson)
    {
        if (asJson)
        {
            Console.WriteLine(JsonSerializer.Serialize(new
            {
                contents = report.Contents,
                bytes = report.Bytes,
                problems = report.Problems.Select(problem => new { kind = problem.Kind.ToString(), where = problem.Where }),
            }));
            return;
        }
        foreach (Problem problem in report.Problems)
            Console.WriteLine(problem);
        Console.WriteLine($"{report.Contents:n0} contents, {report.Bytes:n0} bytes");
        Console.WriteLine($"{report.Problems.Count} problems");
    }
}

/// <summary><c>vice versions</c>: lists the versions that lost to another client's store, and gets one back.</summary>
internal static class VersionsCommand
{
    private static readonly Option<string> Data = new("--data") { HelpName = "DIR", Required = true, Description = "The server's folder. The server may run." };
    private static readonly Option<bool> Json = new("--json") { Description = "For programs." };
    private static readonly Option<string?> Extract = new("--extract") { HelpName = "ID", Description = "The version to get back, as the list names it." };
    private static readonly Option<string?> To = new("--to") { HelpName = "FILE", Description = "The new file to write it to." };

    public static Command Create()
    {
        var command = new Command("versions", "Lists the replaced versions that are kept, because their replacer had not seen them.") { Data, Json, Extract, To };
        command.Validators.Add(result =>
        {
            if (result.GetValue(Extract) is null != result.GetValue(To) is null)
                result.AddError("--extract and --to go together.");
        });
        command.SetAction((parsed, _) => RunAsync(parsed.GetValue(Data)!, parsed.GetValue(Json), parsed.GetValue(Extract), parsed.GetValue(To)));
        return command;
    }

    private static async Task<int> RunAsync(string path, bool asJson, string? extract, string? to)
    {
        try
        {
            using DataReader data = DataReader.Open(path);
            var reader = new KeptVersionReader(data.OpenView, data.Contents);
            IReadOnlyList<(KeptVersion Version, string? Name)> kept = reader.List();
            if (extract is not null)
                return await ExtractToAsync(reader, kept.Select(static k => k.Version).FirstOrDefault(k => k.Id == extract), extract, to!);
            Print(kept, asJson);
            return ExitCode.Ok;
        }
        catch (StorageException e)
        {
            throw new StartException(DataFolder.Explain(path, e), e);
        }
    }

    private static async Task<int> ExtractToAsync(KeptVersionReader reader, KeptVersion? version, string id, string to)
    {
        if (version is null)
        {
            Console.Error.WriteLine($"vice: no version {id} is kept.");
            return ExitCode.Problems;
        }

        try
        {
            using var output = new FileStream(to, FileMode.CreateNew, FileAccess.Write);
            await reader.CopyAsync(version, output);
            output.Flush(flushToDisk: true);
            return ExitCode.Ok;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StartException($"{to} can't be written: {e.Message}", e);
        }
    }

    private static void Print(IReadOnlyList<(KeptVersion Version, string? Name)> kept, bool asJson)
    {
        if (asJson)
        {
            Console.WriteLine(JsonSerializer.Serialize(kept.Select(static k => new
            {
                id = k.Version.Id,
                name = k.Name,
                bytes = k.Version.LengthBytes,
                keptAt = k.Version.KeptAt,
                writer = k.Version.Content.Writer.ToString(),
            })));
            return;
        }

        foreach ((KeptVersion version, string? name) in kept)
        {
            string at = version.KeptAt.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
            Console.WriteLine($"{version.Id}  {at}  {version.LengthBytes,12:n0} bytes  by {version.Content.Writer}  {OneLine.Of(name ?? "(no name any more)")}");
        }

        Console.WriteLine($"{kept.Count} versions are kept");
    }
}

/// <summary><c>vice drop</c>: makes room. A server that runs is asked to, by a wish (<see cref="Wishes"/>); else it is done here.</summary>
internal static class DropCommand
{
    private const int LookMs = 100;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private static readonly Option<string> Data = new("--data") { HelpName = "DIR", Required = true, Description = "The server's folder. The server may run." };
    private static readonly Option<bool> Versions = new("--versions") { Description = "All replaced versions that are kept." };
    private static readonly Option<string[]> Version = new("--version-id") { HelpName = "ID", Description = "One of them, as vice versions names it; may be repeated." };
    private static readonly Option<bool> Uploads = new("--uploads") { Description = "Contents that came whole and that no file has yet." };

    public static Command Create()
    {
        var command = new Command("drop", "Drops what is kept beside the files, to make room.") { Data, Versions, Version, Uploads };
        command.Validators.Add(static result =>
        {
            if (!result.GetValue(Versions) && !result.GetValue(Uploads) && result.GetValue(Version) is not { Length: > 0 })
                result.AddError("Say what to drop: --versions, --version-id or --uploads.");
            if (result.GetValue(Version) is { } ids && ids.Any(static id => id.Contains('/')))
                result.AddError("No version has such an id.");
        });
        command.SetAction((parsed, stop) => RunAsync(parsed.GetValue(Data)!, WishesOf(parsed), stop));
        return command;
    }

    private static List<string> WishesOf(ParseResult parsed)
    {
        List<string> wishes = [.. (parsed.GetValue(Version) ?? []).Select(static id => Wishes.Version + id)];
        if (parsed.GetValue(Versions))
            wishes.Add(Wishes.Versions);
        if (parsed.GetValue(Uploads))
            wishes.Add(Wishes.UploadsWaiting);
        return wishes;
    }

    private static async Task<int> RunAsync(string path, IReadOnlyList<string> wishes, CancellationToken stop)
    {
        path = Path.GetFullPath(path);
        DataFolder.RequireData(path);
        if (!DataFolder.IsInUse(path))
            return await DropHereAsync(path, wishes);
        string folder = Path.Combine(path, Wishes.Folder);
        List<string> files = [.. wishes.Select(wish => Path.Combine(folder, wish))];
        try
        {
            files.ForEach(static file => File.Create(file).Dispose());
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StartException($"The server can't be asked: {e.Message}", e);
        }
        for (TimeSpan waited = TimeSpan.Zero; waited < Patience && files.Exists(File.Exists); waited += TimeSpan.FromMilliseconds(LookMs))
            await Task.Delay(LookMs, stop);
        if (!files.Exists(File.Exists))
        {
            Console.WriteLine("dropped; the server's log says how many");
            return ExitCode.Ok;
        }
        files.ForEach(File.Delete);
        Console.Error.WriteLine("vice: the server didn't do it in time; its log may say why.");
        return ExitCode.Problems;
    }

    private static async Task<int> DropHereAsync(string path, IReadOnlyList<string> wishes)
    {
        using DataFolder data = DataFolder.Open(path, mayCreate: false, OpenFileLimit.Raise());
        try
        {
            var contents = FileContentStore.Of(data.Disk);
            List<KeptVersion> meant;
            using (IMetadataView view = data.Metadata.OpenView())
                meant = [.. view.ReadKeptVersions().Where(kept => wishes.Contains(Wishes.Versions) || wishes.Contains(Wishes.Version + kept.Id))];
            using (IMetadataTransaction transaction = data.Metadata.BeginTransaction())
            {
                meant.ForEach(kept => transaction.DeleteKeptVersion(kept.Fid, kept.Content.Version));
                transaction.Commit();
            }
            await DeleteUnnamedAsync(data.Metadata, contents, meant.SelectMany(static kept => kept.Content.Objects));
            if (wishes.Contains(Wishes.UploadsWaiting))
                contents.Tidy();
            Console.WriteLine($"{meant.Count} versions dropped");
            return ExitCode.Ok;
        }
        catch (StorageException e)
        {
            throw new StartException(DataFolder.Explain(path, e), e);
        }
        catch (DiskException e)
        {
            throw new StartException($"The data in {path} can't be used: {e.Message}", e);
        }
    }

    private static async Task DeleteUnnamedAsync(IMetadataStore metadata, FileContentStore contents, IEnumerable<ObjectId> objects)
    {
        using IMetadataView view = metadata.OpenView();
        foreach (ObjectId id in objects.Where(id => !view.IsNamed(id)))
            await contents.DeleteAsync(id, CancellationToken.None);
    }
}
