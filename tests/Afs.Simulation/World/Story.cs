using System.Globalization;
using System.Text;

namespace Afs.Simulation;

/// <summary>What happened in a run, line by line. Its hash is the same for the same seed, in every process.</summary>
internal sealed class Story(SimWorld world, TextWriter? output)
{
    private const ulong FnvOffset = 14695981039346656037, FnvPrime = 1099511628211;

    private ulong _hash = FnvOffset;

    /// <summary>FNV-1a of all lines.</summary>
    public ulong Hash => _hash;

    public int Lines { get; private set; }

    public void Tell(string who, string what)
    {
        string line = string.Create(CultureInfo.InvariantCulture, $"{world.Elapsed.TotalSeconds,10:f4} {who,-8} {what}");
        foreach (byte b in Encoding.UTF8.GetBytes(line))
            _hash = (_hash ^ b) * FnvPrime;
        Lines++;
        output?.WriteLine(line);
    }
}
