namespace Afs.Bench.Vice.Clients;

/// <summary>What a number of clients saw of one server.</summary>
/// <param name="Clients">How many there were.</param>
/// <param name="ConnectSeconds">Until all had a session.</param>
/// <param name="Reads">FetchData of a file of 4 KiB.</param>
/// <param name="Statuses">FetchStatus of one file.</param>
/// <param name="Stores">StoreData of 4 KiB, each client in a file of its own.</param>
/// <param name="BreakMs">A store to a file on which every client holds a promise, until its reply; the median of a few.</param>
/// <param name="Promises">Promises that the clients held in the end.</param>
/// <param name="ResidentBytes">Memory of the server with them.</param>
public sealed record ClientsFigures(
    int Clients,
    double ConnectSeconds,
    CallFigures Reads,
    CallFigures Statuses,
    CallFigures Stores,
    double BreakMs,
    long Promises,
    long ResidentBytes);
