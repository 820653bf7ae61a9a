using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Tests;

/// <summary>What a server may say of a directory.</summary>
public sealed class NameRulesTests
{
    private static readonly VolumeId Volume = new(7);
    private static readonly Fid Directory = new(Volume, new VnodeNumber(1), new Uniquifier(1));

    [Theory]
    [InlineData(7u, true)]
    [InlineData(8u, false)]
    public void AllOfADirectory_IsOfItsVolume_OrTwoObjectsWouldHaveOneInodeNumber(uint volume, bool isValid)
    {
        Fid fid = new(new VolumeId(volume), new VnodeNumber(2), new Uniquifier(1));

        Assert.Equal(isValid, NameRules.AreValid(Reply([new DirectoryEntry { Name = "f"u8.ToArray(), Fid = fid, Type = FileType.Regular }], []), Directory));
        Assert.Equal(isValid, NameRules.AreValid(Reply([], [new DirectoryChange { Name = "f"u8.ToArray(), IsSet = true, Fid = fid, Type = FileType.Regular }]), Directory));
    }

    [Fact]
    public void ARemovedName_IsOfNoVolume() =>
        Assert.True(NameRules.AreValid(Reply([], [new DirectoryChange { Name = "f"u8.ToArray(), IsSet = false }]), Directory));

    private static FetchDirectoryReply Reply(IReadOnlyList<DirectoryEntry> entries, IReadOnlyList<DirectoryChange> changes) => new()
    {
        Status = new FetchStatus
        {
            Fid = Directory,
            Type = FileType.Directory,
            Mode = 0,
            Uid = 0,
            Gid = 0,
            LengthBytes = 0,
            AllocatedBytes = 0,
            LinkCount = 2,
            DataVersion = DataVersion.None,
            StatusVersion = default,
            AccessTime = default,
            ModifyTime = default,
            ChangeTime = default,
        },
        IsDelta = changes.Count > 0,
        HasMore = false,
        Entries = entries,
        Changes = changes,
    };
}
