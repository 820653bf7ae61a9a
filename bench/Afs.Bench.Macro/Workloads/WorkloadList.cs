namespace Afs.Bench.Macro.Workloads;

/// <summary>All workloads, in the order of the table.</summary>
public static class WorkloadList
{
    /// <param name="only">The names of those that are wanted; empty for all.</param>
    /// <exception cref="ArgumentException">There is no workload of such a name; the message lists those that there are.</exception>
    public static IReadOnlyList<Workload> Create(WorkContext context, IReadOnlyList<string> only)
    {
        IReadOnlyList<Workload> all = CreateAll(context);
        string[] unknown = [.. only.Except(all.Select(w => w.Name))];
        if (unknown.Length > 0)
        {
            throw new ArgumentException(
                $"No workload is named {string.Join(", ", unknown)}. There are: {string.Join(", ", all.Select(w => w.Name))}.");
        }
        return only.Count == 0 ? all : [.. all.Where(w => only.Contains(w.Name))];
    }

    private static IReadOnlyList<Workload> CreateAll(WorkContext context) =>
    [
        new OpenFileWorkload(context),
        new FilesWorkload(context),
        new AndrewWorkload(context),
        new OstepWorkload(context),
        new FirstReadWorkload(context),
        new OneByteWorkload(context),
        new CreatesWorkload(context),
        new NamesWorkload(context),
        new ToolsWorkload(context),
        new PassWorkload(context),
        new DatabaseWorkload(context),
        new ClientsWorkload(context),
    ];
}
