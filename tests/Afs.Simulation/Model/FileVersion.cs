using Afs.Rpc;

namespace Afs.Simulation;

/// <summary>One version of a file that the server committed.</summary>
internal readonly record struct FileVersion(ulong Version, uint Crc32C, long LengthBytes, long At, ClientId Writer);
