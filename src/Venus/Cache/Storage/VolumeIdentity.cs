using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Afs.Platform;
using Afs.Rpc;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>
/// Which volume, in which incarnation, a cache holds: the file <c>volume.json</c>. Versions of another incarnation say nothing, so a cache of one is
/// emptied of all that is clean.
/// </summary>
internal sealed record VolumeIdentity(uint Volume, ulong RootVnode, uint RootUniquifier, ulong Incarnation)
{
    private const string Name = "volume.json";
    private const int MostBytes = 4096;

    [JsonIgnore]
    public Fid Root => new(new(Volume), new(RootVnode), new(RootUniquifier));

    public static VolumeIdentity Of(GetVolumeReply reply) =>
        new(reply.Root.Volume.Value, reply.Root.Vnode.Value, reply.Root.Uniquifier.Value, reply.Incarnation);

    /// <summary>Null where none was written, or none that can be read.</summary>
    public static VolumeIdentity? Load(IDisk disk)
    {
        if (!disk.Exists(Name))
            return null;
        using IDiskFile file = disk.Open(Name, DiskOpenMode.Read);
        byte[] bytes = new byte[Math.Min(file.LengthBytes, MostBytes)];
        int count = file.Read(0, bytes);
        try
        {
            return JsonSerializer.Deserialize<VolumeIdentity>(bytes.AsSpan(0, count));
        }
        catch (JsonException)
        {
            return null;
        }
    }

    public void Save(IDisk disk)
    {
        const string Temporary = Name + ".new";
        disk.Delete(Temporary);
        using (IDiskFile file = disk.Open(Temporary, DiskOpenMode.CreateNew))
        {
            file.Write(0, JsonSerializer.SerializeToUtf8Bytes(this));
            file.Sync();
        }
        disk.Rename(Temporary, Name);
    }
}

/// <summary>Who this client is, at <c>client-id</c>: 32 hexadecimal digits, made once. Two daemons with one id would answer for each other.</summary>
internal static class ClientIdFile
{
    private const string Name = "client-id";
    private const int Digits = 32;

    /// <exception cref="DiskException">It can't be read or written.</exception>
    public static ClientId LoadOrMake(IDisk disk, Random random)
    {
        using IDiskFile file = disk.Open(Name, DiskOpenMode.OpenOrCreate);
        Span<byte> text = stackalloc byte[Digits];
        if (file.Read(0, text) == Digits && Parse(text) is { } known)
            return known;
        Span<byte> bytes = stackalloc byte[Digits / 2];
        random.NextBytes(bytes);
        var made = new ClientId(BitConverter.ToUInt64(bytes), BitConverter.ToUInt64(bytes[8..]));
        file.SetLength(0);
        file.Write(0, Encoding.ASCII.GetBytes($"{made.High:x16}{made.Low:x16}\n"));
        file.Sync();
        return made;
    }

    private static ClientId? Parse(ReadOnlySpan<byte> text)
    {
        string digits = Encoding.ASCII.GetString(text);
        return ulong.TryParse(digits.AsSpan(0, 16), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong high)
            && ulong.TryParse(digits.AsSpan(16), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong low)
            ? new ClientId(high, low)
            : null;
    }
}
