using Afs.Wire;

namespace Afs.Fuzz;

/// <summary>POSIX access lists, as they are set with an xattr. The first byte is a mode's.</summary>
internal sealed class AccessListTarget : Target
{
    private const uint PermissionBits = 0x1FF;

    public override string Name => "access-lists";

    public override string About => "POSIX access lists in xattrs, and what is made of them";

    public override long ShortExecutions => 100_000;

    public override IReadOnlyList<byte[]> Words => [.. ((int[])[1, 2, 4, 8, 16, 32]).Select(tag => Entry(tag, 7, 1000)), .. ((int[])[1, 4, 16, 32]).Select(tag => Entry(tag, 5, uint.MaxValue))];

    public override IEnumerable<byte[]> Seeds() =>
    [
        [0x1B, 0x01, 2, 0, 0, 0, .. Entry(1, 7, uint.MaxValue), .. Entry(4, 5, uint.MaxValue), .. Entry(32, 0, uint.MaxValue)],
        [
            0xFF, 0x01, 2, 0, 0, 0, .. Entry(1, 6, uint.MaxValue), .. Entry(2, 7, 1000), .. Entry(2, 4, 1001), .. Entry(4, 5, uint.MaxValue), .. Entry(8, 3, 50),
            .. Entry(16, 7, uint.MaxValue), .. Entry(32, 4, uint.MaxValue),
        ],
    ];

    public override bool Run(ReadOnlySpan<byte> input)
    {
        var fields = new InputFields(input);
        uint mode = fields.UInt16();
        ReadOnlySpan<byte> list = fields.Rest;
        if (!AccessList.IsValid(list))
            return false;
        Holds(list.Length is >= 28 and <= 4 + 8 * AccessList.MostEntries, "A list has its entries, and not too many.");
        uint own = AccessList.ModeOf(list, mode);
        Holds((own & ~PermissionBits) == (mode & ~PermissionBits), "A list changes no bit but the permissions.");
        byte[] changed = AccessList.WithMode(list, mode);
        Holds(AccessList.IsValid(changed) && AccessList.ModeOf(changed, 0) == (mode & PermissionBits), "A list that was given a mode has it.");
        Holds(AccessList.WithMode(changed, own).AsSpan().SequenceEqual(list), "A mode can be taken back.");
        (byte[]? inherited, uint made) = AccessList.Inherit(list, mode);
        Holds(inherited is null || AccessList.IsValid(inherited), "What is inherited is a list.");
        Holds((made & PermissionBits & ~mode) == 0, "Nobody gets more than the mode that he made it with.");
        for (uint uid = 999; uid < 1002; uid++)
        {
            // Whoever may all may each.
            bool mayAll = AccessList.Permits(list, uid, static group => group is null or 50, 7);
            for (uint right = 1; right <= 4; right *= 2)
                Holds(!mayAll || AccessList.Permits(list, uid, static group => group is null or 50, right), "Who has all rights has each.");
            Holds(AccessList.Permits(list, uid, static _ => false, 0), "Who wants nothing may.");
        }
        return true;
    }

    private static byte[] Entry(int tag, int permissions, uint id) => [(byte)tag, 0, (byte)permissions, 0, (byte)id, (byte)(id >> 8), (byte)(id >> 16), (byte)(id >> 24)];
}
