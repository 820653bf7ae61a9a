namespace Afs.Venus.Callbacks;

/// <summary>What is noted before a call is sent, so that its reply can be judged: see <see cref="PromiseRules"/>.</summary>
/// <param name="Generation">The generation of trust in the server (<see cref="ServerTrust.Generation"/>).</param>
/// <param name="Breaks">How far the break log had come (<see cref="BreakLog.Sequence"/>).</param>
public readonly record struct CallMark(uint Generation, ulong Breaks);
