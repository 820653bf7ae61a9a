using Afs.Vice.Volumes.Metadata;

namespace Afs.Simulation;

/// <summary>Planted: who reads sees the state before a commit until some time after its breaks went out.</summary>
internal sealed class LateCommits(IMetadataStore store, TimeProvider time) : IMetadataStore
{
    private static readonly TimeSpan Lateness = TimeSpan.FromMilliseconds(20);

    private IMetadataView _before = store.OpenView();
    private long _since;

    public IMetadataView OpenView() => time.GetElapsedTime(_since) < Lateness ? _before : store.OpenView();

    public IMetadataTransaction BeginTransaction()
    {
        _before = store.OpenView();
        _since = time.GetTimestamp();
        return store.BeginTransaction();
    }

    public void Maintain() => store.Maintain();

    public void Dispose() => store.Dispose();
}
