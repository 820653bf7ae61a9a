using Afs.Rpc;

namespace Afs.Wire;

/// <summary>
/// A bulk upload of a content; a StoreData then makes it a file's. Forgotten after some minutes if none comes. It is the whole content, or the bytes of
/// its parts, one extent after the other. Abort VersionGone: the parts' base isn't the file's current version.
/// </summary>
[WireMessage]
public sealed partial record UploadRequest
{
    [Key(0)] public required UploadId Upload { get; init; }

    /// <summary>The volume it will belong to.</summary>
    [Key(1)] public required VolumeId Volume { get; init; }

    /// <summary>The file of the parts' base; only with those.</summary>
    [Key(2)] public Fid Fid { get; init; }

    /// <summary>Null: the whole content comes.</summary>
    [Key(3)] public ContentParts? Parts { get; init; }
}

/// <summary>The content is on stable storage.</summary>
[WireMessage]
public sealed partial record UploadReply
{
    [Key(0)] public required UploadId Upload { get; init; }
    /// <summary>Of the whole content.</summary>
    [Key(1)] public required long LengthBytes { get; init; }

    /// <summary>CRC32C of the whole content: of the bytes that the server got and, of parts, that of the base.</summary>
    [Key(2)] public required uint Crc32C { get; init; }
}
