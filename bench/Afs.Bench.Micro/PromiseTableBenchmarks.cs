using Afs.Vice.Callbacks;
using Afs.Wire;
using BenchmarkDotNet.Attributes;

namespace Afs.Bench.Micro;

/// <summary>A server's promise table with 1,000,000 promises of 1,000 clients: what one open or one change costs in it.</summary>
public class PromiseTableBenchmarks
{
    private const int Holders = 1_000;
    private const int Files = 100_000;
    private const int HoldersOfFile = 10;
    private const int Operations = 1_000;

    private readonly List<HeldPromise> _found = new(capacity: 1024);
    private readonly PromiseTable _table = new(capacity: 2 * Files * HoldersOfFile);

    [GlobalSetup]
    public void Fill()
    {
        for (int file = 0; file < Files; file++)
        {
            for (int i = 0; i < HoldersOfFile; i++)
                _table.TryGrant((file + i) % Holders, Fid(file), _found);
        }
    }

    /// <summary>A client asks again for what it holds.</summary>
    [Benchmark(OperationsPerInvoke = Operations)]
    public void Renew()
    {
        for (int i = 0; i < Operations; i++)
            _table.TryGrant(Spread(i) % Holders, Fid(Spread(i)), _found);
    }

    /// <summary>A client asks for what it doesn't hold, and gives it back.</summary>
    [Benchmark(OperationsPerInvoke = Operations)]
    public void GrantAndGiveUp()
    {
        for (int i = 0; i < Operations; i++)
        {
            int holder = (Spread(i) + HoldersOfFile) % Holders;
            _table.TryGrant(holder, Fid(Spread(i)), _found);
            _table.GiveUp(holder, Fid(Spread(i)));
        }
    }

    /// <summary>A file held by ten changes: its holders are found, acknowledge, and ask again.</summary>
    [Benchmark(OperationsPerInvoke = Operations)]
    public void BreakTenHolders()
    {
        for (int i = 0; i < Operations; i++)
        {
            _found.Clear();
            _table.Collect(Fid(Spread(i)), except: -1, _found);
            foreach (HeldPromise held in _found)
                _table.Acknowledge(held);
            for (int holder = 0; holder < HoldersOfFile; holder++)
                _table.TryGrant((Spread(i) + holder) % Holders, Fid(Spread(i)), _found);
        }
    }

    /// <summary>Far apart, so that neither cache lines nor the branch predictor help.</summary>
    private static int Spread(int i) => (int)((uint)i * 2_654_435_761u % Files);

    private static Fid Fid(int file) => Samples.Fid((ulong)file + 2);
}
