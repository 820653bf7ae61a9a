using System.Security.Cryptography;

namespace Afs.Fuzz;

/// <summary>
/// The inputs of one target that reached something new, and where they are kept: those of the tree in one text file, a line of base64 each, and those that later
/// runs found in a folder, a file each, which all processes that work on the target share.
/// </summary>
internal sealed class Corpus(string keptFile, string? foundFolder)
{
    private const int RecentInputs = 16;

    private readonly List<byte[]> _inputs = [];
    private readonly HashSet<string> _known = [];

    public int Count => _inputs.Count;

    public IReadOnlyList<byte[]> Inputs => _inputs;

    /// <summary>What is kept and was found and isn't known here yet.</summary>
    public IEnumerable<byte[]> ReadNews()
    {
        if (File.Exists(keptFile))
        {
            foreach (string line in File.ReadLines(keptFile))
            {
                byte[] input = Convert.FromBase64String(line);
                if (_known.Add(NameOf(input)))
                    yield return input;
            }
        }
        if (foundFolder is null)
            yield break;
        Directory.CreateDirectory(foundFolder);
        foreach (string file in Directory.EnumerateFiles(foundFolder).Order(StringComparer.Ordinal))
        {
            if (_known.Add(Path.GetFileName(file)))
                yield return File.ReadAllBytes(file);
        }
    }

    /// <param name="isFound">It is new, and for the others too.</param>
    public void Add(byte[] input, bool isFound)
    {
        _inputs.Add(input);
        if (!isFound || !_known.Add(NameOf(input)) || foundFolder is null)
            return;
        string file = Path.Combine(foundFolder, NameOf(input));
        File.WriteAllBytes(file + ".new", input);
        File.Move(file + ".new", file, overwrite: true);
    }

    /// <summary>Of what came last more often, and of two the shorter one.</summary>
    public byte[] Pick(Random random)
    {
        if (random.Next(3) == 0)
            return _inputs[random.Next(Math.Max(0, _inputs.Count - RecentInputs), _inputs.Count)];
        (byte[] one, byte[] other) = (_inputs[random.Next(_inputs.Count)], _inputs[random.Next(_inputs.Count)]);
        return one.Length <= other.Length ? one : other;
    }

    /// <summary>Makes this the file of the tree.</summary>
    public void Keep(IEnumerable<byte[]> inputs)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(keptFile)!);
        File.WriteAllLines(keptFile, inputs.Select(input => Convert.ToBase64String(input)));
    }

    private static string NameOf(byte[] input) => Convert.ToHexStringLower(SHA256.HashData(input).AsSpan(0, 10));
}
