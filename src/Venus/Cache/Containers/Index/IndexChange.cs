namespace Afs.Venus.Cache;

/// <summary>One change that waits for the index's writer.</summary>
/// <param name="Put">The row to write; null: delete <paramref name="Id"/>, or only a mark in the queue where that is default.</param>
/// <param name="Done">Completed after the commit; null where nobody waits.</param>
/// <param name="OutlastsPowerLoss">The commit waits for the disk.</param>
internal readonly record struct IndexChange(ContainerRecord? Put, ContainerId Id, TaskCompletionSource? Done, bool OutlastsPowerLoss = false);
