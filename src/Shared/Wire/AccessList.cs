using System.Buffers.Binary;

namespace Afs.Wire;

/// <summary>Which access lists a vnode has beside its mode.</summary>
[Flags]
public enum AccessLists : byte
{
    None = 0,

    /// <summary>Who may use this vnode. The mode's group bits are its mask.</summary>
    Access = 1,

    /// <summary>A directory's: what is made in it begins with this list.</summary>
    Default = 2,
}

/// <summary>
/// The rules of POSIX access lists (acl(5), POSIX.1e draft 17), as the kernel has them in fs/posix_acl.c. A list is the value of an xattr, in the kernel's form
/// (include/uapi/linux/posix_acl_xattr.h), little-endian:
/// <code>
/// | version 2 (32) | then for each entry: tag (16) | permissions rwx (16) | uid or gid of a named entry, else all ones (32) |
/// </code>
/// INVARIANT: the owner's entry, the mask (without one, the group's entry) and the others' entry of an access list are the mode's bits. A list that says
/// no more than the mode isn't kept.
/// </summary>
public static class AccessList
{
    /// <summary>What fits the 4,096 bytes that the kernel's FUSE reads of a list.</summary>
    public const int MostEntries = 511;

    private const int Version = 2, HeadBytes = 4, EntryBytes = 8;
    private const ushort UserObject = 1, User = 2, GroupObject = 4, Group = 8, Mask = 16, Other = 32;
    private const uint NoId = uint.MaxValue, Permissions = 7, UserShift = 6, GroupShift = 3, ModeBits = 0x1FF;

    /// <summary>The xattrs' names.</summary>
    public static ReadOnlySpan<byte> AccessName => "system.posix_acl_access"u8;

    public static ReadOnlySpan<byte> DefaultName => "system.posix_acl_default"u8;

    /// <summary>The list that an xattr is; none where its name is of another kind.</summary>
    public static AccessLists KindOf(ReadOnlySpan<byte> name) =>
        name.SequenceEqual(AccessName) ? AccessLists.Access : name.SequenceEqual(DefaultName) ? AccessLists.Default : AccessLists.None;

    /// <summary>
    /// Well formed: one entry each for owner, group and others, a mask where anybody is named, tags in ascending order, nobody named twice. All else
    /// here takes valid lists only.
    /// </summary>
    public static bool IsValid(ReadOnlySpan<byte> list)
    {
        int entries = (list.Length - HeadBytes) / EntryBytes;
        if (list.Length != HeadBytes + entries * EntryBytes || entries is < 3 or > MostEntries || BinaryPrimitives.ReadUInt32LittleEndian(list) != Version)
            return false;
        // Owner, group, others: what must come, each once. A named entry makes the mask due.
        ushort before = 0;
        bool isMaskDue = false, hasMask = false;
        var named = new HashSet<(ushort, uint)>();
        for (int i = 0; i < entries; i++)
        {
            Entry entry = Read(list, i);
            bool isNamed = entry.Tag is User or Group;
            bool isNext = entry.Tag switch
            {
                UserObject => before == 0,
                User => before is UserObject or User,
                GroupObject => before is UserObject or User,
                Group => before is GroupObject or Group,
                Mask => before is GroupObject or Group,
                Other => before is GroupObject or Group or Mask,
                _ => false,
            };
            if (!isNext || entry.Permissions > Permissions || isNamed == (entry.Id == NoId) || isNamed && !named.Add((entry.Tag, entry.Id)))
                return false;
            isMaskDue |= isNamed;
            hasMask |= entry.Tag == Mask;
            before = entry.Tag;
        }
        return before == Other && (hasMask || !isMaskDue);
    }

    /// <summary>It says no more than a mode does.</summary>
    public static bool IsMode(ReadOnlySpan<byte> list) => list.Length == HeadBytes + 3 * EntryBytes;

    /// <summary>The mode with the permission bits of the list.</summary>
    public static uint ModeOf(ReadOnlySpan<byte> list, uint mode)
    {
        mode &= ~ModeBits;
        uint group = 0, mask = NoId;
        for (int i = 0; i < Count(list); i++)
        {
            Entry entry = Read(list, i);
            mode |= entry.Tag == UserObject ? (uint)entry.Permissions << (int)UserShift : entry.Tag == Other ? entry.Permissions : 0u;
            if (entry.Tag == GroupObject)
                group = entry.Permissions;
            else if (entry.Tag == Mask)
                mask = entry.Permissions;
        }
        return mode | (mask == NoId ? group : mask) << (int)GroupShift;
    }

    /// <summary>chmod: the list with the permission bits of the mode. Those of the group are the mask's, where there is one.</summary>
    public static byte[] WithMode(ReadOnlySpan<byte> list, uint mode) => Edit(list, (shift, _) => mode >> shift & Permissions);

    /// <summary>
    /// What is made with a mode in a directory that has a default list: each class has what both allow, and the umask says nothing. The list is null where
    /// the mode says it all.
    /// </summary>
    public static (byte[]? List, uint Mode) Inherit(ReadOnlySpan<byte> defaultList, uint mode)
    {
        byte[] list = Edit(defaultList, (shift, permissions) => mode >> shift & permissions);
        return (IsMode(list) ? null : list, ModeOf(list, mode));
    }

    /// <summary>Whether somebody who isn't the owner has these rights (posix_acl_permission in fs/posix_acl.c): the first entry that is about him decides.</summary>
    /// <param name="isIn">Whether he is in a group; null: in the vnode's own.</param>
    public static bool Permits(ReadOnlySpan<byte> list, uint uid, Func<uint?, bool> isIn, uint rights)
    {
        uint mask = Permissions, others = 0;
        for (int i = 0; i < Count(list); i++)
        {
            Entry entry = Read(list, i);
            if (entry.Tag == Mask)
                mask = entry.Permissions;
            else if (entry.Tag == Other)
                others = entry.Permissions;
        }
        bool isInAny = false;
        for (int i = 0; i < Count(list); i++)
        {
            Entry entry = Read(list, i);
            if (entry.Tag == User && entry.Id == uid)
                return (entry.Permissions & mask & rights) == rights;
            if (entry.Tag is GroupObject or Group && isIn(entry.Tag == Group ? entry.Id : null))
            {
                if ((entry.Permissions & rights) == rights)
                    return (mask & rights) == rights;
                isInAny = true;
            }
        }
        return !isInAny && (others & rights) == rights;
    }

    /// <summary>Changes the three entries that are the mode's bits.</summary>
    private static byte[] Edit(ReadOnlySpan<byte> list, Func<int, uint, uint> change)
    {
        byte[] edited = list.ToArray();
        bool hasMask = false;
        for (int i = 0; i < Count(list); i++)
            hasMask |= Read(list, i).Tag == Mask;
        for (int i = 0; i < Count(list); i++)
        {
            Entry entry = Read(list, i);
            uint? shift = entry.Tag switch
            {
                UserObject => UserShift,
                Mask => GroupShift,
                GroupObject when !hasMask => GroupShift,
                Other => 0u,
                _ => null,
            };
            if (shift is { } bits)
                BinaryPrimitives.WriteUInt16LittleEndian(edited.AsSpan(HeadBytes + i * EntryBytes + 2), (ushort)change((int)bits, entry.Permissions));
        }
        return edited;
    }

    private static int Count(ReadOnlySpan<byte> list) => (list.Length - HeadBytes) / EntryBytes;

    private static Entry Read(ReadOnlySpan<byte> list, int index)
    {
        ReadOnlySpan<byte> bytes = list.Slice(HeadBytes + index * EntryBytes, EntryBytes);
        return new Entry(
            BinaryPrimitives.ReadUInt16LittleEndian(bytes), BinaryPrimitives.ReadUInt16LittleEndian(bytes[2..]), BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]));
    }

    private readonly record struct Entry(ushort Tag, ushort Permissions, uint Id);
}
