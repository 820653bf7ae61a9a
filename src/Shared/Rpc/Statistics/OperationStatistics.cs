namespace Afs.Rpc;

/// <summary>How often one operation was called, as of one moment.</summary>
/// <param name="Calls">Calls made, or run here: each once, however often it was sent.</param>
/// <param name="Retries">Transmissions after the first.</param>
/// <param name="Duplicates">Arrivals of a call that was here already.</param>
public readonly record struct OperationStatistics(int Operation, long Calls, long Replies, long Aborts, long NotExecuted, long Unknown, long Retries, long Duplicates);
