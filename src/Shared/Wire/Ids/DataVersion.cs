namespace Afs.Wire;

/// <summary>Rises by one with each change of a file's content or a directory's entries. The first is 1.</summary>
public readonly record struct DataVersion(ulong Value)
{
    public static readonly DataVersion None = new(0);

    public DataVersion Next => new(Value + 1);

    public override string ToString() => Value.ToString();
}
