namespace Afs.Venus.Hosting;

/// <summary>What a command asks of a running daemon: one line of JSON.</summary>
/// <param name="Operation">One of <see cref="ControlOperations"/>.</param>
/// <param name="Force">Unmount: also where it is in use.</param>
internal sealed record ControlRequest(string Operation, bool Force = false);

internal static class ControlOperations
{
    public const string Status = "status";
    public const string Flush = "flush";
    public const string Recovered = "recovered";
    public const string Unmount = "unmount";
}
