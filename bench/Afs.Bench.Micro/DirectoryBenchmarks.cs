using System.Text;
using Afs.Venus.Cache;
using Afs.Wire;
using BenchmarkDotNet.Attributes;

namespace Afs.Bench.Micro;

/// <summary>Names in a cached directory of 10,000 entries: what each LOOKUP that the kernel sends costs in Venus.</summary>
public class DirectoryBenchmarks
{
    private const int Entries = 10_000;
    private const int Operations = 1_000;

    private static readonly DataVersion Version = new(7);

    private readonly CachedDirectory _directory = new(Samples.Fid(1));
    private readonly byte[][] _present = [.. Enumerable.Range(0, Operations).Select(i => Name(i * 7 % Entries))];
    private readonly byte[][] _absent = [.. Enumerable.Range(Entries, Operations).Select(Name)];

    [GlobalSetup]
    public void Fill()
    {
        var names = new NameTable();
        for (int i = 0; i < Entries; i++)
            names.Set(Name(i), Samples.Fid((ulong)i + 2), FileType.Regular);
        _directory.Install(names, Version);
    }

    [Benchmark(OperationsPerInvoke = Operations)]
    public int LookupFound() => Count(_present, LookupAnswer.Found);

    [Benchmark(OperationsPerInvoke = Operations)]
    public int LookupAbsent() => Count(_absent, LookupAnswer.Absent);

    private int Count(byte[][] names, LookupAnswer expected)
    {
        int count = 0;
        foreach (byte[] name in names)
        {
            if (_directory.TryLookup(Version, name, out _, out _) == expected)
                count++;
        }
        return count == Operations ? count : throw new InvalidOperationException("The sample directory is wrong.");
    }

    private static byte[] Name(int number) => Encoding.UTF8.GetBytes($"source-file-{number:D5}.c");
}
