using Afs.Venus.Cache;

namespace Afs.Simulation;

/// <summary>Planted: a container that was not stored before the crash comes back as clean.</summary>
internal sealed class ForgetfulIndex(IContainerIndex index) : IContainerIndex
{
    public IReadOnlyList<ContainerRecord> Load() => [.. index.Load().Select(static row => row with { State = ContainerState.Clean })];

    public ValueTask PutAsync(ContainerRecord record, bool outlastsPowerLoss) => index.PutAsync(record, outlastsPowerLoss);

    public void PutLater(ContainerRecord record, bool outlastsPowerLoss) => index.PutLater(record, outlastsPowerLoss);

    public void DeleteLater(ContainerId id) => index.DeleteLater(id);

    public ValueTask FlushAsync() => index.FlushAsync();

    public int UnwrittenCount => index.UnwrittenCount;

    public string? Trouble => index.Trouble;

    public ValueTask DisposeAsync() => index.DisposeAsync();
}
