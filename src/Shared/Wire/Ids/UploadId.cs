namespace Afs.Wire;

/// <summary>Content that a client uploaded and that no file has yet. Random, chosen by the client, so that a repeated upload is the same one.</summary>
public readonly record struct UploadId(ulong Value)
{
    public override string ToString() => Value.ToString();
}
