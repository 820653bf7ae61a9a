namespace Afs.Venus.Vfs;

/// <summary>Memory that outlives the process: records of one length, zero until they are written. It grows as it is used, and what was given never moves.</summary>
public interface IRecordArray
{
    /// <summary>Records that there is room for.</summary>
    int Count { get; }

    /// <summary>One record. Calls are never concurrent: the owner of what is recorded locks.</summary>
    Span<byte> At(int index);
}
