using System.Buffers.Binary;
using Afs.Wire;

namespace Afs.Shared.Tests.Wire;

/// <summary>The rules of access lists, beside what fs/posix_acl.c makes of the same (the posix group access-lists asks a kernel).</summary>
public class AccessListRulesTests
{
    /// <summary>u owner, U named user, g group, G named group, m mask, o others; each with its permissions, named ones with an id: "u7 U7:1 g5 m7 o0".</summary>
    [Theory]
    [InlineData("u7 g5 o0", true)]
    [InlineData("u7 g5 m7 o0", true)]
    [InlineData("u7 U7:1 U6:2 g5 G1:1 G2:2 m7 o0", true)]
    [InlineData("u7 U7:2 U6:1 g5 m7 o0", true)]
    [InlineData("u7 U7:1 U6:1 g5 m7 o0", false)]
    [InlineData("u7 g5 G7:1 G6:1 m7 o0", false)]
    [InlineData("u7 U7:1 g5 o0", false)]
    [InlineData("u7 g5 G7:1 o0", false)]
    [InlineData("u7 g5", false)]
    [InlineData("g5 o0 u7", false)]
    [InlineData("u7 u7 g5 o0", false)]
    [InlineData("u7 g5 g5 o0", false)]
    [InlineData("u7 g5 m7 m7 o0", false)]
    [InlineData("u7 g5 o0 o0", false)]
    [InlineData("u7 g5 o0 m7", false)]
    [InlineData("u7 m7 g5 o0", false)]
    [InlineData("u7 G7:1 g5 m7 o0", false)]
    [InlineData("u7 g5 U7:1 m7 o0", false)]
    [InlineData("u8 g5 o0", false)]
    [InlineData("u7:3 g5 o0", false)]
    [InlineData("u7 U7 g5 m7 o0", false)]
    [InlineData("x7 g5 o0", false)]
    public void Only_a_list_is_valid(string list, bool isValid) => Assert.Equal(isValid, AccessList.IsValid(Parse(list)));

    [Fact]
    public void A_list_has_a_version_and_whole_entries_and_a_bound()
    {
        byte[] list = Parse("u7 g5 o0");
        Assert.False(AccessList.IsValid([]));
        Assert.False(AccessList.IsValid([2, 0, 0, 0]));
        Assert.False(AccessList.IsValid(list.AsSpan(0, list.Length - 1)));
        Assert.False(AccessList.IsValid([.. list, 0]));
        Assert.False(AccessList.IsValid([1, .. list[1..]]));
        string named = string.Join(' ', Enumerable.Range(1, AccessList.MostEntries - 4).Select(id => $"U7:{id}"));
        Assert.True(AccessList.IsValid(Parse($"u7 {named} g5 m7 o0")));
        Assert.False(AccessList.IsValid(Parse($"u7 {named} U7:9999 g5 m7 o0")));
    }

    [Theory]
    [InlineData("u7 g5 o1", 0xC00u, 0xC00u | 0x1E9u)]
    [InlineData("u7 g5 m6 o1", 0x1FFu, 0x1F1u)]
    [InlineData("u0 U7:1 g7 m0 o0", 0x1FFu, 0u)]
    public void The_mode_is_owner_mask_and_others(string list, uint before, uint mode) => Assert.Equal(mode, AccessList.ModeOf(Parse(list), before));

    [Theory]
    [InlineData("u7 g5 o1", 0x1A4u, "u6 g4 o4")]
    [InlineData("u7 U7:1 g5 m7 o1", 0x1A1u, "u6 U7:1 g5 m4 o1")]
    public void Chmod_sets_owner_mask_and_others(string list, uint mode, string after) => Assert.Equal(Parse(after), AccessList.WithMode(Parse(list), mode));

    [Theory]
    [InlineData("u7 g5 o0", 0x1B6u, null, 0x1A0u)]
    [InlineData("u7 U7:1 g5 m7 o4", 0x1B0u, "u6 U7:1 g5 m6 o0", 0x1B0u)]
    [InlineData("u5 U7:1 g5 m4 o4", 0xDFFu, "u5 U7:1 g5 m4 o4", 0xD64u)]
    public void What_is_made_has_what_both_allow(string list, uint mode, string? inherited, uint made) =>
        Assert.Equal((inherited is null ? null : Parse(inherited), made), Inherited(list, mode), Pairs);

    /// <summary>Whatever the bytes, nothing throws; and of each list that is valid mode and list can be got from each other.</summary>
    [Fact]
    public void Any_bytes_are_a_list_or_none()
    {
        var random = new Random(7);
        byte[] seed = Parse("u7 U7:1 g5 G3:2 m7 o1");
        int valid = 0;
        for (int i = 0; i < 100_000; i++)
        {
            byte[] bytes = seed.ToArray();
            for (int changes = random.Next(4); changes > 0; changes--)
                bytes[random.Next(bytes.Length)] = (byte)random.Next(random.Next(2) == 0 ? 8 : 256);
            bytes = bytes[..(random.Next(3) == 0 ? random.Next(bytes.Length) : bytes.Length)];
            if (!AccessList.IsValid(bytes))
                continue;
            valid++;
            uint mode = (uint)random.Next(0x1000);
            byte[] changed = AccessList.WithMode(bytes, mode);
            Assert.True(AccessList.IsValid(changed));
            Assert.Equal(mode, AccessList.ModeOf(changed, mode));
            (byte[]? list, uint made) = AccessList.Inherit(bytes, mode);
            Assert.Equal(0u, made & ~mode);
            Assert.True(list is not null && AccessList.IsValid(list) && AccessList.ModeOf(list, made) == made);
        }
        Assert.InRange(valid, 1000, 99_000);
    }

    private static readonly IEqualityComparer<(byte[]? List, uint Mode)> Pairs = EqualityComparer<(byte[]? List, uint Mode)>.Create(
        static (x, y) => x.Mode == y.Mode && (x.List is null ? y.List is null : y.List is not null && x.List.SequenceEqual(y.List)));

    private static (byte[]? List, uint Mode) Inherited(string list, uint mode) => AccessList.Inherit(Parse(list), mode);

    private static byte[] Parse(string text)
    {
        string[] entries = text.Split(' ');
        byte[] list = new byte[4 + 8 * entries.Length];
        list[0] = 2;
        for (int i = 0; i < entries.Length; i++)
        {
            string[] parts = entries[i][1..].Split(':');
            Span<byte> entry = list.AsSpan(4 + 8 * i);
            BinaryPrimitives.WriteUInt16LittleEndian(entry, entries[i][0] switch { 'u' => 1, 'U' => 2, 'g' => 4, 'G' => 8, 'm' => 16, 'o' => 32, _ => 64 });
            BinaryPrimitives.WriteUInt16LittleEndian(entry[2..], ushort.Parse(parts[0]));
            BinaryPrimitives.WriteUInt32LittleEndian(entry[4..], parts.Length > 1 ? uint.Parse(parts[1]) : uint.MaxValue);
        }
        return list;
    }
}
