using Afs.Rpc;

namespace Afs.Vice.Volumes.Metadata;

/// <summary>A client's session, which outlives the server's restarts.</summary>
/// <param name="ForgottenThrough">The client has seen all replies up to this call, and they may be gone.</param>
/// <param name="HasLapsed">Its client's lease ended, so that it trusts nothing that this server promised: a restart need not wait for it.</param>
public sealed record SessionRecord(SessionId Id, ClientId Client, CallSequence ForgottenThrough, bool HasLapsed);
