using System.Text;
using Afs.CommandLines;
using Afs.Fuse.Mounting;
using Afs.Fuse.Session;
using Afs.Rpc;
using Afs.Telemetry;
using Afs.Venus.Hosting;

namespace Afs.Fuzz;

/// <summary>A configuration file.</summary>
internal sealed class ConfigurationTarget : Target
{
    public override string Name => "configuration";

    public override string About => "configuration files: YAML, of which one mapping is taken";

    /// <summary>The parser of YAML has buffers of its own, and an object for each of its events.</summary>
    public override long MostAllocatedBytes(int inputBytes) => 256 * 1024 + 2048L * inputBytes;

    public override IReadOnlyList<byte[]> Words =>
    [
        .. ((string[])["key: value\n", "- item\n", "[", "]", "{", "}", "? ", ": ", "&a ", "*a", "!!str ", "!<tag:x> ", "%YAML 1.2\n", "---\n", "...\n", "|\n", ">-\n", "\"\\x41\"", "'it''s'", "# ", "<<: ", "\t"])
            .Select(Encoding.UTF8.GetBytes),
    ];

    public override IEnumerable<byte[]> Seeds() =>
    [
        "listen: [127.0.0.1:7000, 'unix:/run/x']\ndata: /var/lib/vice # here\nlog-level: Debug\n"u8.ToArray(),
        "---\nserver: \"host:7000/root\"\ntags:\n  - a\n  - b\n...\n"u8.ToArray(),
        "a: &x |\n  text\n  more\nb: *x\n"u8.ToArray(),
        "{a: [b, [c, {d: e}]]}"u8.ToArray(),
        "? a\n: >-\n  folded\n"u8.ToArray(),
    ];

    public override bool Run(ReadOnlySpan<byte> input)
    {
        try
        {
            ConfigurationFile file = ConfigurationFile.Parse("/etc/afs/x.yaml", Encoding.UTF8.GetString(input));
            foreach (ConfigurationEntry entry in file.Entries)
                Holds(entry.Name.Length > 0 && entry.Line > 0 && entry.Values.All(static value => value is not null), "An option has a name, values and a line.");
            Holds(file.Entries.Select(static entry => entry.Name).Distinct().Count() == file.Entries.Count, "No option comes twice.");
            return true;
        }
        catch (ConfigurationException e)
        {
            Holds(e.Message.StartsWith("/etc/afs/x.yaml", StringComparison.Ordinal), "A refusal names the file.");
            return false;
        }
    }
}

/// <summary>Lines of /proc, and addresses and sizes that are typed or stand in fstab: by the first byte.</summary>
internal sealed class LinesTarget : Target
{
    public override string Name => "lines";

    public override string About => "lines of /proc, addresses, sizes, what a supervisor tells";

    public override int MostBytes => 1024;

    public override long ShortExecutions => 100_000;

    public override IReadOnlyList<byte[]> Words => [" - "u8.ToArray(), "\\040"u8.ToArray(), "unix:/"u8.ToArray(), "[::1]:"u8.ToArray(), "localhost:"u8.ToArray(), "http://"u8.ToArray(), "SigPnd:\t"u8.ToArray(), "9223372036854775807"u8.ToArray(), "/root"u8.ToArray()];

    public override IEnumerable<byte[]> Seeds() =>
    [
        [0, .. "36 35 98:0 /mnt1 /mnt/a\\040b rw,noatime master:1 - fuse.venus host:/root rw,errors=continue"u8],
        [1, .. "Name:\tx\nSigPnd:\t0000000000000100\nShdPnd:\t0000000000000000\nSigIgn:\t0000000000001000\nSigCgt:\t00000001\n"u8],
        [2, .. "host:7000/root"u8], [2, .. "[fe80::1%eth0]:7000/v"u8], [2, .. "unix:/run/vice.sock"u8],
        [3, .. "127.0.0.1:7080"u8], [4, .. "http://[::1]:4318/x"u8], [5, .. "512M"u8], [6, .. "5:1:4242"u8],
    ];

    public override bool Run(ReadOnlySpan<byte> input)
    {
        if (input.IsEmpty)
            return false;
        string text = Encoding.UTF8.GetString(input[1..]);
        switch (input[0] % 7)
        {
            case 0: return MountTable.Parse(text) is not null;
            case 1: return CallerSignals.IsDying(text.Split('\n'));
            case 2: return IsAddress(text);
            case 3: return AdminOptions.TryParse(text, null, null, out _, out string? _);
            case 4: return AdminOptions.TryParse(null, text, null, out _, out string? _);
            case 5:
                bool isSize = ByteCount.TryParse(text, out long bytes);
                Holds(!isSize || bytes >= 0 && ByteCount.Format(bytes).Length > 0, "A size isn't negative.");
                return isSize;
            default:
                Supervision? told = Supervision.TryParse(text);
                Holds(told is null || Supervision.TryParse(told.ToString()) == told, "What was read is written as the same.");
                return told is not null;
        }
    }

    private static bool IsAddress(string text)
    {
        try
        {
            ServerAddress address = ServerAddress.Parse(text, volume: null);
            Holds(RpcEndpoint.Parse(address.Endpoint.ToString()!) == address.Endpoint, "What was read is written as the same.");
            Holds(address.Volume.Length > 0 && !address.Volume.Contains('/'), "A volume has a name.");
            return true;
        }
        catch (HostingException e)
        {
            Holds(e.Code == Afs.Control.ExitCode.BadAddress, "What is no address is said to be none.");
            return false;
        }
    }
}
