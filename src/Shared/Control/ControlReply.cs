namespace Afs.Control;

/// <summary>The daemon's answer: one line of JSON. What was asked for, or why there is none.</summary>
public sealed record ControlReply
{
    public ExitCode Code { get; init; }

    public string? Message { get; init; }

    /// <summary>More lines follow.</summary>
    public bool HasMore { get; init; }

    public StatusReport? Status { get; init; }

    public IReadOnlyList<RecoveredFile>? Recovered { get; init; }

    public IReadOnlyList<VnodeReport>? Vnodes { get; init; }

    public ServerReport? Server { get; init; }

    public CacheParameters? Cache { get; init; }

    public FetchProgress? Progress { get; init; }

    public ChangeReport? Change { get; init; }

    /// <summary>Of what was to be discarded, files that stay cached because they are in use or dirty.</summary>
    public int? KeptFiles { get; init; }

    public static ControlReply Refuse(ExitCode code, string message) => new() { Code = code, Message = message };
}
