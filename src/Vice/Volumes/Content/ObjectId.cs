using Afs.Rpc;

namespace Afs.Vice.Volumes.Content;

/// <summary>
/// Names one immutable content for ever: the server's life that made it, and a number in that life. So no two are ever the same,
/// and what an earlier life left behind can be told from what this one is making.
/// </summary>
public readonly record struct ObjectId(ulong Value)
{
    private const int NumberBits = 32;

    public static readonly ObjectId None = new(0);

    public static ObjectId Make(Epoch epoch, uint number) => new(epoch.Value << NumberBits | number);

    public Epoch Epoch => new(Value >> NumberBits);

    public override string ToString() => Value.ToString("x16");
}
