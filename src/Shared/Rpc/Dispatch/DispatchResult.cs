namespace Afs.Rpc;

/// <summary>An outcome whose reply, if there is one, is already encoded.</summary>
public readonly record struct DispatchResult(OutcomeKind Kind, AbortCode Abort);
