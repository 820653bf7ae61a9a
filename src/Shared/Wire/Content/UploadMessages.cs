using Afs.Rpc;

namespace Afs.Wire;

/// <summary>A bulk upload of a whole content; a StoreData then makes it a file's. Forgotten after some minutes if none comes.</summary>
[WireMessage]
public sealed partial record UploadRequest
{
    [Key(0)] public required UploadId Upload { get; init; }

    /// <summary>The volume it will belong to.</summary>
    [Key(1)] public required VolumeId Volume { get; init; }
}

/// <summary>The content is on stable storage.</summary>
[WireMessage]
public sealed partial record UploadReply
{
    [Key(0)] public required UploadId Upload { get; init; }
    [Key(1)] public required long LengthBytes { get; init; }

    /// <summary>CRC32C of the bytes that the server got.</summary>
    [Key(2)] public required uint Crc32C { get; init; }
}
