using System.Diagnostics;
using Afs.Rpc;

namespace Afs.Bench.Vice.Clients;

/// <summary>What a run with simulated clients does.</summary>
/// <param name="Server">Where the server listens.</param>
/// <param name="Process">The server's process, on this machine.</param>
/// <param name="Clients">How many clients, each with a connection and a session.</param>
/// <param name="Time">How long each kind of call is made.</param>
/// <param name="PromisesPerClient">On how many files each client holds a promise in the end.</param>
/// <param name="WireBytes">Counts the bytes that went between them so far; null where nothing can.</param>
public sealed record ClientsOptions(
    RpcEndpoint Server, Process Process, int Clients, TimeSpan Time, int PromisesPerClient, Func<long>? WireBytes = null);
