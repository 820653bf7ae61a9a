using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Afs.Vice.Hosting.Data;
using Afs.Vice.Salvage;
using Afs.Vice.Volumes.Metadata;

namespace Afs.Vice.Hosting.Commands;

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
        command.SetAction(parsed => Run(parsed.GetValue(Data)!, parsed.GetValue(Json), parsed.GetValue(Extract), parsed.GetValue(To)));
        return command;
    }

    private static int Run(string path, bool asJson, string? extract, string? to)
    {
        try
        {
            using DataReader data = DataReader.Open(path);
            var reader = new KeptVersionReader(data.OpenView, data.Contents);
            IReadOnlyList<(KeptVersion Version, string? Name)> kept = reader.List();
            if (extract is not null)
                return ExtractTo(reader, kept.Select(static k => k.Version).FirstOrDefault(k => IdOf(k) == extract), extract, to!);
            Print(kept, asJson);
            return ExitCode.Ok;
        }
        catch (StorageException e)
        {
            throw new StartException(DataFolder.Explain(path, e), e);
        }
    }

    private static int ExtractTo(KeptVersionReader reader, KeptVersion? version, string id, string to)
    {
        if (version is null)
        {
            Console.Error.WriteLine($"vice: no version {id} is kept.");
            return ExitCode.Problems;
        }

        try
        {
            using var output = new FileStream(to, FileMode.CreateNew, FileAccess.Write);
            reader.Copy(version, output);
            output.Flush(flushToDisk: true);
            return ExitCode.Ok;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StartException($"{to} can't be written: {e.Message}", e);
        }
    }

    private static string IdOf(KeptVersion kept) => $"{kept.Fid}@{kept.Content.Version}";

    private static void Print(IReadOnlyList<(KeptVersion Version, string? Name)> kept, bool asJson)
    {
        if (asJson)
        {
            Console.WriteLine(JsonSerializer.Serialize(kept.Select(static k => new
            {
                id = IdOf(k.Version),
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
            Console.WriteLine($"{IdOf(version)}  {at}  {version.LengthBytes,12:n0} bytes  by {version.Content.Writer}  {name ?? "(no name any more)"}");
        }

        Console.WriteLine($"{kept.Count} versions are kept");
    }
}
