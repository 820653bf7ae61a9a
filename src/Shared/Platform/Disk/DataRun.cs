namespace Afs.Platform;

/// <summary>Bytes of a file that are no hole: from the first up to, and without, the end.</summary>
public readonly record struct DataRun(long StartBytes, long EndBytes)
{
    public bool IsEmpty => StartBytes >= EndBytes;
}
