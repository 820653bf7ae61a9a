using System.Diagnostics;
using System.Text;

namespace Afs.Shared.Tests.Wire;

/// <summary>
/// Against an implementation that isn't ours, Debian's python3-msgpack: it reads what we write, and we read what it writes, for every
/// message type. Its encodings are the shortest ones too, so the bytes are the same.
/// </summary>
public sealed class PythonMessagePackTests
{
    private const int InstancesPerType = 20;

    private const string Script = """
        import sys, msgpack
        for line in sys.stdin:
            value = msgpack.unpackb(bytes.fromhex(line.strip()), raw=False, strict_map_key=False)
            assert isinstance(value, list), value
            print(msgpack.packb(value, use_bin_type=True).hex())
        """;

    [Fact]
    public async Task PythonReadsAndWritesEveryMessage()
    {
        var messages = new RandomMessage(new Random(5));
        (Type Type, byte[] Bytes)[] ours = [.. WireMessageTypes.All.SelectMany(type =>
            Enumerable.Range(0, InstancesPerType).Select(_ => (type, WireMessageTypes.Encode(messages.Of(type)))))];
        Assert.True(ours.Length > 20 * InstancesPerType);

        string[] theirs = await RunAsync(ours.Select(message => Convert.ToHexStringLower(message.Bytes)));
        Assert.Equal(ours.Length, theirs.Length);
        for (int i = 0; i < ours.Length; i++)
        {
            Assert.Equal(Convert.ToHexStringLower(ours[i].Bytes), theirs[i]);
            object read = WireMessageTypes.Decode(ours[i].Type, Convert.FromHexString(theirs[i]));
            Assert.Equal(ours[i].Bytes, WireMessageTypes.Encode(read));
        }
    }

    private static async Task<string[]> RunAsync(IEnumerable<string> lines)
    {
        var start = new ProcessStartInfo("/usr/bin/python3", ["-c", Script])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.ASCII,
        };
        using Process python = Process.Start(start)!;
        Task<string> output = python.StandardOutput.ReadToEndAsync();
        Task<string> errors = python.StandardError.ReadToEndAsync();
        foreach (string line in lines)
            await python.StandardInput.WriteLineAsync(line);
        python.StandardInput.Close();
        await python.WaitForExitAsync();
        Assert.True(python.ExitCode == 0, $"Is python3-msgpack installed? {await errors}");
        return (await output).Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
