namespace Afs.Control;

/// <summary>How far a fetch has come. What was cached before counts as done.</summary>
public sealed record FetchProgress(int DoneFiles, int Files, long DoneBytes, long Bytes);
