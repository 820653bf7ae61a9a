using System.Buffers.Binary;
using Afs.Vice.Tests.Harness;
using Afs.Wire;

namespace Afs.Vice.Tests;

/// <summary>What the server makes of access lists. The rules alone: AccessListRulesTests.</summary>
public class AccessListTests
{
    private const ushort Owner = 1, User = 2, Group = 4, Mask = 16, Other = 32;

    /// <summary>u::rwx, u:77:rwx, g::r-x, m::rwx, o::---</summary>
    public static byte[] SomeList => List((Owner, 7, null), (User, 7, 77u), (Group, 5, null), (Mask, 7, null), (Other, 0, null));

    [Theory, OnEachStore]
    public async Task A_list_sets_the_mode_and_chmod_sets_the_list_and_both_outlive_a_restart(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync();
        Fid f = await a.MakeAsync(await a.RootAsync(), "f");
        FetchStatus set = (await a.SetXattrAsync(f, AccessList.AccessName, SomeList)).Value.Status;
        Assert.Equal((0x1F8u, true, AccessLists.Access, set.StatusVersion), (set.Mode, set.HasXattrs, set.Lists, set.XattrsVersion));

        var chmod = new StoreStatusRequest { Fid = f, Fields = StatusFields.Mode, Mode = 0x1E4, ChangeTime = a.Now() };
        FetchStatus changed = (await a.Vice.StoreStatusAsync(chmod, a.Next())).Value.Status;
        Assert.Equal((0x1E4u, changed.StatusVersion), (changed.Mode, changed.XattrsVersion));
        cell.Restart();
        a.Attach();
        byte[] expected = List((Owner, 7, null), (User, 7, 77u), (Group, 5, null), (Mask, 4, null), (Other, 4, null));
        Assert.Equal(expected, await ListAsync(a, f, AccessList.AccessName));
        Assert.Equal(changed, await a.StatusAsync(f));

        chmod = chmod with { Fields = StatusFields.Uid, Uid = 5, ChangeTime = a.Now() };
        FetchStatus owned = (await a.Vice.StoreStatusAsync(chmod, a.Next())).Value.Status;
        Assert.Equal(changed.XattrsVersion, owned.XattrsVersion);
    }

    [Theory, OnEachStore]
    public async Task A_list_that_says_what_a_mode_says_is_none(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync();
        Fid f = await a.MakeAsync(await a.RootAsync(), "f");
        byte[] mode = List((Owner, 6, null), (Group, 4, null), (Other, 1, null));
        FetchStatus status = (await a.SetXattrAsync(f, AccessList.AccessName, mode)).Value.Status;
        Assert.Equal((0x1A1u, false, AccessLists.None), (status.Mode, status.HasXattrs, status.Lists));
        Assert.True((await a.SetXattrAsync(f, AccessList.AccessName, SomeList)).IsReply);
        status = (await a.SetXattrAsync(f, AccessList.AccessName, mode)).Value.Status;
        Assert.Equal((0x1A1u, false, AccessLists.None, default), (status.Mode, status.HasXattrs, status.Lists, status.XattrsVersion));
        Assert.Null(await ListAsync(a, f, AccessList.AccessName));
        Assert.Equal(AbortCodes.NoXattr, (await a.SetXattrAsync(f, AccessList.AccessName, null)).Abort);
    }

    [Theory, OnEachStore]
    public async Task What_is_made_begins_with_the_default_list_of_its_directory_instead_of_the_umask(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync(), d = await a.MakeAsync(root, "d", FileType.Directory);
        CreateReply plain = (await a.Vice.CreateAsync(a.CreateRequest(d, "plain") with { Mode = 0x1B6, Umask = 0xFFFF_FFD2 }, a.Next())).Value;
        Assert.Equal((0x24u, AccessLists.None, 0), (plain.Status.Mode, plain.Status.Lists, plain.Xattrs.Count));

        Assert.True((await a.SetXattrAsync(d, AccessList.DefaultName, SomeList)).IsReply);
        CreateReply file = (await a.Vice.CreateAsync(a.CreateRequest(d, "f") with { Mode = 0x1B6, Umask = 0x3F }, a.Next())).Value;
        byte[] inherited = List((Owner, 6, null), (User, 7, 77u), (Group, 5, null), (Mask, 6, null), (Other, 0, null));
        Assert.Equal((0x1B0u, true, AccessLists.Access, new StatusVersion(1)), (file.Status.Mode, file.Status.HasXattrs, file.Status.Lists, file.Status.XattrsVersion));
        Assert.Equal(inherited, Assert.Single(file.Xattrs).Value);
        Assert.Equal(inherited, await ListAsync(a, file.Status.Fid, AccessList.AccessName));
        Assert.Equal(file.Status, await a.StatusAsync(file.Status.Fid));

        CreateReply folder = (await a.Vice.CreateAsync(a.CreateRequest(d, "e", FileType.Directory) with { Mode = 0x1FF, Umask = 0x3F }, a.Next())).Value;
        Assert.Equal((0x1F8u, AccessLists.Access | AccessLists.Default), (folder.Status.Mode, folder.Status.Lists));
        Assert.Equal(SomeList, await ListAsync(a, folder.Status.Fid, AccessList.DefaultName));
        CreateReply link = (await a.Vice.CreateAsync(a.CreateRequest(d, "l", FileType.Symlink), a.Next())).Value;
        Assert.Equal(AccessLists.None, link.Status.Lists);
        CreateReply unnamed = (await a.Vice.CreateAsync(a.CreateRequest(d, null), a.Next())).Value;
        Assert.Equal(AccessLists.Access, unnamed.Status.Lists);
    }

    [Fact]
    public async Task Other_clients_are_told_of_a_list_as_of_any_change()
    {
        using var cell = new TestCell();
        (TestClient a, TestClient b) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid root = await a.RootAsync(), f = await a.MakeAsync(root, "f");
        await b.StatusAsync(f);
        Assert.True((await a.SetXattrAsync(f, AccessList.AccessName, SomeList)).IsReply);
        Assert.Equal([f], b.Venus.BrokenFids);
    }

    /// <summary>Nothing that a peer sends becomes a list but a list (OpenAFS had CVE-2024-10396), and a refusal leaves no trace.</summary>
    [Theory, OnEachStore]
    public async Task What_is_no_list_is_refused(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync(), f = await a.MakeAsync(root, "f"), l = await a.MakeAsync(root, "l", FileType.Symlink);
        FetchStatus before = (await a.StatusAsync(f))!;
        byte[][] malformed = [[], [2, 0, 0, 0], SomeList[..^1], [.. SomeList, 0], [.. SomeList, .. SomeList[4..]], [3, .. SomeList[1..]], new byte[44]];
        foreach (byte[] list in malformed)
        {
            Assert.Equal(AbortCodes.BadArgument, (await a.SetXattrAsync(f, AccessList.AccessName, list)).Abort);
            Assert.Equal(AbortCodes.BadArgument, (await a.SetXattrAsync(root, AccessList.DefaultName, list)).Abort);
        }
        Assert.Equal(AbortCodes.BadArgument, (await a.SetXattrAsync(f, AccessList.DefaultName, SomeList)).Abort);
        Assert.Equal(AbortCodes.BadArgument, (await a.SetXattrAsync(l, AccessList.AccessName, SomeList)).Abort);
        Assert.Equal(AbortCodes.BadArgument, (await a.SetXattrAsync(f, "system.other"u8, [1])).Abort);
        Assert.Equal(before, await a.StatusAsync(f));
    }

    private static Task<byte[]?> ListAsync(TestClient client, Fid fid, ReadOnlySpan<byte> name) => ListAsync(client, fid, (ReadOnlyMemory<byte>)name.ToArray());

    private static async Task<byte[]?> ListAsync(TestClient client, Fid fid, ReadOnlyMemory<byte> name)
    {
        FetchXattrsReply reply = (await client.Vice.FetchXattrsAsync(new FetchXattrsRequest { Fid = fid }, client.Next())).Value;
        return reply.Xattrs.SingleOrDefault(xattr => name.Span.SequenceEqual(xattr.Name))?.Value;
    }

    private static byte[] List(params (ushort Tag, ushort Permissions, uint? Id)[] entries)
    {
        byte[] list = new byte[4 + 8 * entries.Length];
        list[0] = 2;
        for (int i = 0; i < entries.Length; i++)
        {
            Span<byte> entry = list.AsSpan(4 + 8 * i);
            BinaryPrimitives.WriteUInt16LittleEndian(entry, entries[i].Tag);
            BinaryPrimitives.WriteUInt16LittleEndian(entry[2..], entries[i].Permissions);
            BinaryPrimitives.WriteUInt32LittleEndian(entry[4..], entries[i].Id ?? uint.MaxValue);
        }
        return list;
    }
}
