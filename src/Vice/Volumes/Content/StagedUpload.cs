using Afs.Rpc;
using Afs.Wire;

namespace Afs.Vice.Volumes.Content;

/// <summary>A content that came whole, is on stable storage, and that no file has yet. Belongs to <see cref="UploadTable"/>.</summary>
public sealed class StagedUpload
{
    public required ClientId Client { get; init; }
    public required UploadId Upload { get; init; }
    public required VolumeId Volume { get; init; }
    public required ObjectId Object { get; init; }
    public required long LengthBytes { get; init; }
    public required uint Crc32C { get; init; }

    /// <summary>The whole content file that it is a patch over; <see cref="ObjectId.None"/> where it is whole.</summary>
    public ObjectId Base { get; init; }

    /// <summary>The file whose version it was made from, where it came in parts.</summary>
    public Fid Fid { get; init; }

    /// <summary>What came, where it came in parts.</summary>
    public ContentParts? Parts { get; init; }

    /// <summary>When it came, by the clock's timestamp.</summary>
    public required long StagedAt { get; init; }

    /// <summary>A mutation that is being committed makes it a file's.</summary>
    public bool IsTaken { get; set; }
}
