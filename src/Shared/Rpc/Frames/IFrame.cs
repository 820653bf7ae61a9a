namespace Afs.Rpc;

/// <summary>A frame's fixed part. Its body, if it has one, follows it to the end of the frame.</summary>
internal interface IFrame
{
    static abstract FrameType Type { get; }

    /// <summary>Bytes of the fixed part.</summary>
    int FixedBytes { get; }

    void Write(ref FieldWriter fields);
}
