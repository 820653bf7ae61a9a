namespace Afs.Rpc;

/// <summary>The first byte of a frame's content. Numbers are never reused.</summary>
public enum FrameType : byte
{
    None = 0,
    Hello = 1,
    Welcome = 2,
    Refusal = 3,
    Request = 4,
    Reply = 5,
    Ping = 6,
    Pong = 7,
    Goodbye = 8,
    BulkDownload = 16,
    BulkUpload = 17,
    BulkStart = 18,
    BulkChunk = 19,
}
