using System.CommandLine;
using Afs.Platform;
using Afs.Rpc;
using Afs.Vice.Hosting.Data;
using Afs.Vice.Salvage;
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
        command.SetAction(parsed => Run(parsed.GetValue(Data)!, parsed.GetValue(Repair), parsed.GetValue(NewIncarnation)));
        return command;
    }

    private static int Run(string path, bool mayRepair, bool isRestored)
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
            var salvager = new Salvager(data.Metadata, new ContentStore(data.Disk, new Epoch(0)));
            if (mayRepair)
                Console.WriteLine($"{salvager.Repair(new Random())} repaired");
            if (isRestored)
                salvager.Renew(new Random());
            return Print(salvager.Check());
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
