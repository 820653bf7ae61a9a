using Afs.Venus.Cache;
using Afs.Venus.Callbacks;
using Afs.Wire;

namespace Afs.Venus.Tests;

/// <summary>The targets of cached symlinks have a room of their own: a server that makes all of them as long as may be fills no memory.</summary>
public class TargetRoomTests
{
    private const long Room = 4 << 20;
    private const int MostVnodes = 64 * 1024, Symlinks = 20_000, Files = 1000;

    private static readonly CallMark Mark = new(1, 0);

    private readonly List<Fid> _evicted = [];

    [Fact]
    public void TheLongestTargets_StayWithinTheirRoom_AndNothingElseGoes()
    {
        VnodeTable table = Make();
        for (int i = 0; i < Files; i++)
            table.Grant(Status(i, targetBytes: 0), Mark);
        for (int i = 0; i < Symlinks; i++)
        {
            table.Grant(Status(Files + i, Limits.SymlinkTargetBytes), Mark);
            Assert.True(table.TryRead(Number(Files + i), out _, out _, out _));
            Assert.InRange(table.TargetBytes, Limits.SymlinkTargetBytes, Room);
        }
        table.CheckInvariants();
        Assert.All(Enumerable.Range(0, Files), i => Assert.True(table.TryRead(Number(i), out _, out _, out _)));
        Assert.InRange(table.TargetBytes, Room / 2, Room);

        // Each that went is given up, so that the server breaks no promise that nobody needs.
        Assert.Equal(Files + Symlinks - table.Count, _evicted.Count);
    }

    [Fact]
    public void ShortTargets_AreBoundedByTheCountOfVnodesAlone()
    {
        VnodeTable table = Make();
        for (int i = 0; i < Symlinks; i++)
            table.Grant(Status(i, targetBytes: 100), Mark);
        Assert.Equal(Symlinks, table.Count);
        Assert.Empty(_evicted);
    }

    /// <summary>The kernel knows them; it is told by the server's breaks, so nothing is given up.</summary>
    [Fact]
    public void RetainedOnes_AreForgottenToo_AndComeAgain()
    {
        VnodeTable table = Make();
        for (int i = 0; i < Symlinks; i++)
        {
            table.Retain(Number(i));
            table.Grant(Status(i, Limits.SymlinkTargetBytes), Mark);
            Assert.InRange(table.TargetBytes, 1, Room);
        }
        Assert.Equal(Symlinks, table.Count);
        Assert.Empty(_evicted);
        table.CheckInvariants();
        int forgotten = Enumerable.Range(0, Symlinks).First(i => !table.TryRead(Number(i), out _, out _, out _));
        table.Grant(Status(forgotten, Limits.SymlinkTargetBytes), Mark);
        Assert.True(table.TryRead(Number(forgotten), out FetchStatus? again, out uint promised, out _));
        Assert.Equal((Limits.SymlinkTargetBytes, 1u), (again.SymlinkTarget!.Length, promised));
        for (int i = 0; i < Symlinks; i++)
            table.Release(Number(i));
        table.CheckInvariants();
    }

    /// <summary>What a mutation on its way is about stays; so does one that is in use, where others aren't.</summary>
    [Fact]
    public void WhatChangesOrIsInUse_Stays()
    {
        VnodeTable table = Make();
        table.Grant(Status(0, Limits.SymlinkTargetBytes), Mark);
        table.BeginChange(Number(0));
        table.Retain(Number(1));
        table.Grant(Status(1, Limits.SymlinkTargetBytes), Mark);
        for (int i = 2; i < Symlinks; i++)
            table.Grant(Status(i, Limits.SymlinkTargetBytes), Mark);
        Assert.True(table.TryRead(Number(0), out _, out _, out _));
        Assert.True(table.TryRead(Number(1), out _, out _, out _));
        table.EndChange(Number(0));
        table.CheckInvariants();
    }

    [Fact]
    public void WhatWasSaved_ComesBackWithinTheRoom()
    {
        VnodeTable table = Make();
        for (int i = 0; i < Symlinks; i++)
            table.Restore(Status(i, Limits.SymlinkTargetBytes));
        Assert.InRange(table.TargetBytes, Room / 2, Room);
        table.CheckInvariants();
        table.Clear();
        Assert.Equal((0, 0L), (table.Count, table.TargetBytes));
    }

    private VnodeTable Make() => new(MostVnodes, Room, new BreakLog(), _evicted.Add);

    private static Fid Number(int i) => new(new VolumeId(1), new VnodeNumber((ulong)i + 1), new Uniquifier(1));

    private static FetchStatus Status(int i, int targetBytes) => new()
    {
        Fid = Number(i),
        Type = targetBytes > 0 ? FileType.Symlink : FileType.Regular,
        Mode = 0x1ff,
        Uid = 0,
        Gid = 0,
        LengthBytes = targetBytes,
        AllocatedBytes = 0,
        LinkCount = 1,
        DataVersion = new DataVersion(1),
        StatusVersion = new StatusVersion(1),
        AccessTime = default,
        ModifyTime = default,
        ChangeTime = default,
        SymlinkTarget = targetBytes > 0 ? new byte[targetBytes] : null,
    };
}
