using Afs.Venus.Cache;

namespace Afs.Simulation;

/// <summary>One change that waits to be written.</summary>
/// <param name="Put">The row to write; null: delete <paramref name="Id"/>.</param>
/// <param name="Done">Completed after the write; null where nobody waits.</param>
internal readonly record struct IndexChange(ContainerRecord? Put, ContainerId Id, TaskCompletionSource? Done, bool OutlastsPowerLoss = false);
