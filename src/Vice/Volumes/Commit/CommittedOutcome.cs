using Afs.Rpc;

namespace Afs.Vice.Volumes.Commit;

/// <summary>What became of a mutation, and what the reply still waits for.</summary>
/// <param name="Breaks">Ends when no other client trusts what the mutation changed.</param>
public readonly record struct CommittedOutcome<TReply>(Outcome<TReply> Outcome, Task Breaks);
