using Afs.Wire;

namespace Afs.Vice.Callbacks;

/// <summary>A promise that is being broken.</summary>
/// <param name="Holder">The holder's place in the promise table.</param>
/// <param name="Ticket">Names this breaking: its acknowledgement ends the promise, unless it was granted or broken again meanwhile.</param>
public readonly record struct HeldPromise(int Holder, Fid Fid, uint Ticket);
