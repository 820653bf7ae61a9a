using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Afs.Platform;
using Afs.Rpc;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>
/// Which incarnation of a volume is cached: the file <c>volume-ID.json</c>, of which there is one for each volume. Versions of another incarnation say nothing, so what is
/// clean of one goes.
/// </summary>
internal sealed record VolumeIdentity(uint Volume, ulong RootVnode, uint RootUniquifier, ulong Incarnation)
{
    private const string Start = "volume-", End = ".json";
    private const int MostBytes = 16 * 1024;

    /// <summary>In formats up to 2, where a cache was of one volume; see <see cref="TakeOver"/>.</summary>
    private const string Single = "volume.json";

    /// <summary>By which the server was asked. Null: taken over from an older format, which didn't say.</summary>
    public string? Name { get; init; }

    [JsonIgnore]
    public Fid Root => new(new(Volume), new(RootVnode), new(RootUniquifier));

    public static VolumeIdentity Of(GetVolumeReply reply, string name) =>
        new(reply.Root.Volume.Value, reply.Root.Vnode.Value, reply.Root.Uniquifier.Value, reply.Incarnation) { Name = name };

    /// <summary>The id as it stands in the names of files: eight hexadecimal digits.</summary>
    public static string Digits(VolumeId volume) => volume.Value.ToString("x8", CultureInfo.InvariantCulture);

    /// <summary>The same incarnation, whatever it is called.</summary>
    public bool IsSame(VolumeIdentity other) => this with { Name = other.Name } == other;

    /// <summary>Null where none was written, or none that can be read.</summary>
    public static VolumeIdentity? Load(IDisk disk, VolumeId volume) => Read(disk, NameOf(volume)) is { } read && read.Volume == volume.Value ? read : null;

    /// <summary>What an earlier daemon saved of the volume of this name.</summary>
    public static VolumeIdentity? Find(IDisk disk, string name)
    {
        VolumeIdentity[] all =
        [
            .. disk.List(".")
                .Where(static file => file.StartsWith(Start, StringComparison.Ordinal) && file.EndsWith(End, StringComparison.Ordinal))
                .Select(file => Read(disk, file)).OfType<VolumeIdentity>(),
        ];
        return all.FirstOrDefault(identity => identity.Name == name) ?? all.FirstOrDefault(static identity => identity.Name is null);
    }

    public void Save(IDisk disk) => Write(disk, NameOf(new VolumeId(Volume)), this);

    /// <summary>
    /// From a folder of an older format, whose one volume had <c>volume.json</c> and <paramref name="vnodes"/>: both get the names that they have here. What is left at the old name says that nothing is known of any volume: so a
    /// program of that format drops what is clean. A crash before the end repeats it.
    /// </summary>
    /// <param name="vnodes">The saved vnodes' file there, and what its files are called here.</param>
    public static void TakeOver(IDisk disk, string vnodes, Func<VolumeId, string> vnodesOf)
    {
        if (Read(disk, Single) is not { Volume: not 0 } old)
            return;
        var volume = new VolumeId(old.Volume);
        foreach ((string from, string to) in LiteDbFile.FilesOf(vnodes).Zip(LiteDbFile.FilesOf(vnodesOf(volume))).Reverse())
        {
            if (disk.Exists(from))
                disk.Rename(from, to);
        }
        old.Save(disk);
        disk.SyncDirectory(".");
        Write(disk, Single, new VolumeIdentity(0, 0, 0, 0));
    }

    private static string NameOf(VolumeId volume) => Start + Digits(volume) + End;

    private static VolumeIdentity? Read(IDisk disk, string name)
    {
        if (!disk.Exists(name))
            return null;
        using IDiskFile file = disk.Open(name, DiskOpenMode.Read);
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

    private static void Write(IDisk disk, string name, VolumeIdentity identity)
    {
        string temporary = name + ".new";
        disk.Delete(temporary);
        using (IDiskFile file = disk.Open(temporary, DiskOpenMode.CreateNew))
        {
            file.Write(0, JsonSerializer.SerializeToUtf8Bytes(identity));
            file.Sync();
        }
        disk.Rename(temporary, name);
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
