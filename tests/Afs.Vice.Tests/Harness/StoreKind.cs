namespace Afs.Vice.Tests.Harness;

/// <summary>Which metadata store a test runs on.</summary>
public enum StoreKind
{
    Memory,
    Sqlite,
}
