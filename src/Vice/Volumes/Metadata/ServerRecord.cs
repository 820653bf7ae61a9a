using Afs.Rpc;

namespace Afs.Vice.Volumes.Metadata;

/// <summary>What the server remembers of itself.</summary>
/// <param name="Epoch">The life that wrote this; zero before the first.</param>
/// <param name="LastSession">The highest session number ever given.</param>
public sealed record ServerRecord(Epoch Epoch, SessionId LastSession);
