using System.Reflection;
using Xunit.Sdk;
using Xunit.v3;

namespace Afs.Vice.Tests.Harness;

/// <summary>Runs a theory on each metadata store.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class OnEachStoreAttribute : DataAttribute
{
    public override ValueTask<IReadOnlyCollection<ITheoryDataRow>> GetData(MethodInfo testMethod, DisposalTracker disposalTracker) =>
        new([new TheoryDataRow(StoreKind.Memory), new TheoryDataRow(StoreKind.Sqlite)]);

    public override bool SupportsDiscoveryEnumeration() => true;
}
