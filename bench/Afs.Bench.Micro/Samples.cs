using System.Text;
using Afs.Wire;

namespace Afs.Bench.Micro;

/// <summary>Messages of ordinary size.</summary>
public static class Samples
{
    public static Fid Fid(ulong vnode) => new(new VolumeId(7), new VnodeNumber(vnode), new Uniquifier(123_456));

    public static FetchStatus Status(ulong vnode) => new()
    {
        Fid = Fid(vnode),
        Type = FileType.Regular,
        Mode = 0x1A4,
        Uid = 1000,
        Gid = 1000,
        LengthBytes = 4096,
        AllocatedBytes = 4096,
        LinkCount = 1,
        DataVersion = new DataVersion(42),
        StatusVersion = new StatusVersion(43),
        AccessTime = new Timestamp(1_700_000_000, 123_456_789),
        ModifyTime = new Timestamp(1_700_000_001, 123_456_789),
        ChangeTime = new Timestamp(1_700_000_002, 123_456_789),
        ContentCrc32C = 0xDEADBEEF,
    };

    public static FetchDirectoryReply Directory(int entries) => new()
    {
        Status = Status(1),
        IsDelta = false,
        Entries = [.. Enumerable.Range(0, entries).Select(i => new DirectoryEntry
        {
            Name = Encoding.UTF8.GetBytes($"source-file-{i:D5}.c"),
            Fid = Fid((ulong)i + 2),
            Type = FileType.Regular,
            Status = Status((ulong)i + 2),
        })],
        Changes = [],
    };
}
