namespace Afs.Venus.Hosting;

/// <summary>What a supervisor tells the daemon that it starts.</summary>
/// <param name="Device">The descriptor of /dev/fuse that the daemon inherited.</param>
/// <param name="Restarts">Daemons of this mount that died before.</param>
/// <param name="SupervisorId">The supervisor's process.</param>
public sealed record Supervision(int Device, int Restarts, int SupervisorId)
{
    public bool IsTakeOver => Restarts > 0;

    /// <summary>The supervisor is there to start another daemon.</summary>
    public bool IsAlive => Directory.Exists(FormattableString.Invariant($"/proc/{SupervisorId}"));

    public override string ToString() => FormattableString.Invariant($"{Device}:{Restarts}:{SupervisorId}");

    /// <summary>Null: it is none.</summary>
    public static Supervision? TryParse(string? text)
    {
        string[] parts = text?.Split(':') ?? [];
        return parts.Length == 3 && int.TryParse(parts[0], out int device) && int.TryParse(parts[1], out int restarts) && int.TryParse(parts[2], out int supervisor)
            ? new Supervision(device, restarts, supervisor)
            : null;
    }
}
