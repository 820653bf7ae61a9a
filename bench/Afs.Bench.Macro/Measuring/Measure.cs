namespace Afs.Bench.Macro.Measuring;

/// <summary>One line of the table.</summary>
/// <param name="Name">What was done, in the reader's words.</param>
/// <param name="Unit">What its values count.</param>
/// <param name="Goal">The limit that it is held against, where there is one.</param>
public sealed record Measure(string Name, Unit Unit = Unit.Seconds, Goal? Goal = null);
