using Afs.Bench.Macro.Cells;
using Afs.Bench.Macro.Machine;
using Afs.Bench.Macro.Measuring;
using Afs.Bench.Macro.Places;
using Afs.Bench.Macro.Report;
using Afs.Bench.Macro.Trees;
using Afs.Bench.Macro.Workloads;

namespace Afs.Bench.Macro.Hosting;

/// <summary>
/// One run of the benchmark: makes the temporary folder and the cell, runs the workloads, prints, and removes what it made,
/// however it ends.
/// </summary>
public sealed class BenchRun(BenchOptions options)
{
    private const string PlaceFolder = "bench";

    private readonly ResultSet _results = new();

    /// <returns>Whether every workload succeeded.</returns>
    public bool Execute(CancellationToken stop)
    {
        string root = TemporaryFolder.Create(options.Directory);
        string? peer = options.Peer is { } p ? TemporaryFolder.Create(p) : null;
        try
        {
            if (LoopbackTraffic.IsOwn)
                LoopbackTraffic.BringUp();
            using SlowDisk? slow = options.FsyncMs is { } fsyncMs ? new SlowDisk(root, fsyncMs) : null;
            return Execute(root, peer, slow, stop);
        }
        finally
        {
            if (!options.Keep)
                Directory.Delete(root, recursive: true);
            if (peer is not null)
                Directory.Delete(peer, recursive: true);
        }
    }

    private bool Execute(string root, string? peer, SlowDisk? slow, CancellationToken stop)
    {
        Sizes sizes = options.Quick ? Sizes.Brief : Sizes.Full;
        string scratch = Directory.CreateDirectory(Path.Combine(root, "scratch")).FullName;
        SourceTree tree = options.Tree is { } given
            ? SourceTree.Given(given, options.BuildCommand)
            : SourceTree.Generate(Path.Combine(scratch, "tree"), sizes.TreeFiles);
        IReadOnlyList<Workload> workloads = WorkloadList.Create(new WorkContext(sizes, scratch, tree, _results, options.ViceProgram), options.Only);
        using Cell? cell = options.WithoutCell ? null : new Cell(options, root, slow);
        using CancellationTokenRegistration early = stop.Register(() => cell?.Dispose());

        string? io = cell?.First.ReadFigures().Io;
        MachineFacts machine = MachineFacts.Read(root);
        List<Place> places = [new ControlPlace(Path.Combine(root, "control"))];
        if (cell is not null)
            places.Add(new CellPlace(cell, PlaceFolder));
        if (cell?.Behind is { } behind)
            places.Add(new BehindPlace(cell, behind, PlaceFolder + "-behind"));
        if (peer is not null)
            places.Add(new PeerPlace(peer));
        foreach (Place place in places)
            Directory.CreateDirectory(place.Directory);

        bool succeeded = RunAll(workloads, places, stop);
        machine = machine with { LoadAfter = MachineFacts.ReadLoad() };
        Print(new ReportHeader(machine, options, io), places);
        return succeeded;
    }

    private bool RunAll(IReadOnlyList<Workload> workloads, List<Place> places, CancellationToken stop)
    {
        var runner = new WorkloadRunner(places, _results, options.RunsOrDefault, stop);
        bool succeeded = true;
        foreach (Workload workload in workloads)
            succeeded &= runner.Run(workload);
        return succeeded;
    }

    private void Print(ReportHeader header, List<Place> places)
    {
        string[] names = [.. places.Select(p => p.Name)];
        Console.Out.Write(header.ToMarkdown());
        Console.Out.Write(new MarkdownTable(_results, names).ToString());
        if (options.JsonFile is { } file)
            JsonReport.Write(file, header, _results, names);
    }
}
