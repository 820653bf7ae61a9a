namespace Afs.Simulation;

/// <summary>What a run came to.</summary>
/// <param name="StoryHash">The same for the same seed, in every process.</param>
/// <param name="Answers">Answers to applications that were judged.</param>
/// <param name="Commits">Mutations that the server committed.</param>
/// <param name="Violation">How the contract was broken; null: it held.</param>
public sealed record SimulationResult(int Seed, ulong StoryHash, long Turns, int Answers, int Commits, ViolationException? Violation);
