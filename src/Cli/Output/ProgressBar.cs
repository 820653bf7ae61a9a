using Spectre.Console;

namespace Afs.Cli;

/// <summary>A fetch on a terminal: how far, how fast, how long still. On standard error, so that standard output has the result alone.</summary>
internal static class ProgressBar
{
    /// <summary>The last reply; null where there was none.</summary>
    public static async Task<ControlReply?> ShowAsync(IAsyncEnumerable<ControlReply> replies)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        ControlReply? last = null;
        await console.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new DownloadedColumn(), new TransferSpeedColumn(), new RemainingTimeColumn())
            .StartAsync(async context =>
            {
                ProgressTask task = context.AddTask("fetch");
                await foreach (ControlReply reply in replies)
                {
                    last = reply;
                    if (reply.Progress is { } progress)
                        Show(task, progress);
                }
            });
        return last;
    }

    private static void Show(ProgressTask task, FetchProgress progress)
    {
        task.Description = $"{progress.DoneFiles} of {progress.Files} files";
        task.MaxValue = Math.Max(1, progress.Bytes);
        task.Value = progress.Bytes == 0 ? 1 : progress.DoneBytes;
    }
}
