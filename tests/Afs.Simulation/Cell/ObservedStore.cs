using Afs.Vice.Volumes.Metadata;

namespace Afs.Simulation;

/// <summary>The server's metadata in the hands of one life: it may die before each commit and right after it, and the model sees all that is committed.</summary>
internal sealed class ObservedStore(IMetadataStore store, SimHost host, ServerHistory history) : IMetadataStore
{
    public IMetadataView OpenView() => store.OpenView();

    public IMetadataTransaction BeginTransaction()
    {
        if (host.IsDead)
            host.Step();
        return new ObservedTransaction(store.BeginTransaction(), host, history);
    }

    public void Maintain() => store.Maintain();

    public void Dispose()
    {
    }
}
