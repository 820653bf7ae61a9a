using System.CommandLine;
using System.Text.Json;
using Afs.Vice.Hosting.Data;
using Afs.Vice.Salvage;
using Afs.Vice.Volumes.Metadata;

namespace Afs.Vice.Hosting.Commands;

/// <summary><c>vice scrub</c>: reads all contents.</summary>
internal static class ScrubCommand
{
    private const int ContentsPerProgress = 64;

    private static readonly Option<string> Data = new("--data") { HelpName = "DIR", Required = true, Description = "The server's folder. The server may run." };
    private static readonly Option<bool> Json = new("--json") { Description = "For programs." };

    public static Command Create()
    {
        var command = new Command("scrub", "Compares all contents with their checksums. Ends with 1 if there are problems.") { Data, Json };
        command.SetAction(parsed => Run(parsed.GetValue(Data)!, parsed.GetValue(Json)));
        return command;
    }

    private static int Run(string path, bool asJson)
    {
        try
        {
            using DataReader data = DataReader.Open(path);
            var scrubber = new Scrubber(data.OpenView, data.Contents);
            bool showsProgress = !asJson && !Console.IsErrorRedirected;
            ScrubReport report = scrubber.Run((contents, bytes) => Progress(showsProgress, contents, bytes), CancellationToken.None);
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
