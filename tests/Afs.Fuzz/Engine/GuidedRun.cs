namespace Afs.Fuzz;

/// <summary>
/// Runs one target: first what is known, then what comes of it by mutation. An input that reaches something new is made shorter as long as it reaches it, and
/// joins what is known.
/// </summary>
internal sealed class GuidedRun(Target target, CoverageMap map, Corpus corpus, InputRecord record, Watchdog watchdog, Random random)
{
    /// <summary>Tries to make one input shorter.</summary>
    private const int MostTrims = 64;

    private readonly Mutator _mutator = new(random, target.MostBytes, target.Words);
    private readonly List<(int Edge, byte Class)> _new = [];
    private readonly HashSet<string> _kinds = [];

    public long Executions { get; private set; }

    public long Accepted { get; private set; }

    /// <summary>Called with each first finding of its kind.</summary>
    public Action<Finding> Found { get; init; } = static _ => { };

    public int Findings => _kinds.Count;

    /// <summary>The known inputs, and once more: what a type allocates when it is first used says nothing of an input.</summary>
    public void Replay()
    {
        byte[][] inputs = [.. target.Seeds(), .. corpus.ReadNews()];
        foreach (byte[] input in inputs)
            TryRun(input, isMeasured: false);
        map.Forget();
        foreach (byte[] input in inputs)
        {
            if (Execute(input))
                Keep(input, isFound: false);
        }
        if (corpus.Count == 0)
            corpus.Add([], isFound: false);
    }

    /// <summary>Until so many executions, or until it is told to stop.</summary>
    public void Explore(long mostExecutions, Func<bool> isOver)
    {
        for (long begun = Executions; Executions - begun < mostExecutions && !isOver();)
        {
            ReadOnlySpan<byte> input = _mutator.Mutate(corpus.Pick(random), corpus.Pick(random));
            if (Execute(input))
                Keep(Trim(input.ToArray()), isFound: true);
        }
    }

    /// <summary>What other processes found.</summary>
    public void TakeNews()
    {
        foreach (byte[] input in corpus.ReadNews())
        {
            if (Execute(input))
                Keep(input, isFound: false);
        }
    }

    /// <summary>The fewest and shortest inputs that reach all that the known ones reach.</summary>
    public IReadOnlyList<byte[]> Minimise()
    {
        byte[][] all = [.. corpus.Inputs.OrderBy(static input => input.Length)];
        map.Forget();
        List<byte[]> some = [.. all.Where(input => Execute(input))];
        map.Forget();
        some.Reverse(); // What the long ones reach needs no short one.
        some = [.. some.Where(input => Execute(input))];
        some.Reverse();
        return some;
    }

    /// <summary>True: it reached something new.</summary>
    private bool Execute(ReadOnlySpan<byte> input)
    {
        if (TryRun(input, isMeasured: true) is { } failure)
        {
            Finding finding = Finding.Of(target.Name, failure, input.ToArray());
            if (_kinds.Add(finding.Kind))
                Found(finding);
            return false;
        }
        map.TakeNew(_new);
        return _new.Count > 0;
    }

    private void Keep(byte[] input, bool isFound) => corpus.Add(input, isFound);

    private byte[] Trim(byte[] input)
    {
        List<(int Edge, byte Class)> wanted = [.. _new];
        int left = MostTrims;
        for (int count = Math.Max(1, input.Length / 2); count > 0 && left > 0; count /= 2)
        {
            for (int at = 0; at < input.Length && left > 0; left--)
            {
                byte[] shorter = [.. input.AsSpan(0, at), .. input.AsSpan(Math.Min(input.Length, at + count))];
                if (TryRun(shorter, isMeasured: false) is null && map.Took(wanted))
                    input = shorter;
                else
                    at += count;
            }
        }
        return input;
    }

    /// <summary>The failure. One that allocates too much is asked again: what belongs to no input happens once.</summary>
    private Exception? TryRun(ReadOnlySpan<byte> input, bool isMeasured)
    {
        record.Put(input);
        for (int attempt = 0; ; attempt++)
        {
            watchdog.Next();
            map.Begin();
            Executions++;
            long before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                if (target.Run(input))
                    Accepted++;
            }
            catch (Exception e)
            {
                return e;
            }
            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            if (!isMeasured || allocated <= target.MostAllocatedBytes(input.Length))
                return null;
            if (attempt > 0)
                return new BrokenPropertyException($"{input.Length} bytes make it allocate {allocated} bytes.");
        }
    }
}
