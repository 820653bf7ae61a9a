namespace Afs.StubGenerator.Model;

/// <summary>How a list is declared.</summary>
public enum ListForm
{
    Array,
    ReadOnlyList,
    ImmutableArray,
}
