namespace Afs.Venus.Hosting;

/// <summary>The daemon's answer: one line of JSON. What was asked for, or why there is none.</summary>
internal sealed record ControlReply
{
    public ExitCode Code { get; init; }

    public string? Message { get; init; }

    public StatusReport? Status { get; init; }

    public IReadOnlyList<RecoveredFile>? Recovered { get; init; }
}
