namespace Afs.Platform;

/// <summary>All data of a file, without its holes.</summary>
public static class DataRuns
{
    public static IEnumerable<(long Start, long End)> Of(IDiskFile file)
    {
        for (DataRun run = file.NextData(0); !run.IsEmpty; run = file.NextData(run.EndBytes))
            yield return (run.StartBytes, run.EndBytes);
    }
}
