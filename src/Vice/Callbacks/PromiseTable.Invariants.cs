namespace Afs.Vice.Callbacks;

/// <content>Invariants, for tests and simulation.</content>
public sealed partial class PromiseTable
{
    /// <summary>INVARIANT: each promise is on its vnode's and its holder's list once, and by age exactly if it is not being broken; counts agree; bounds hold.</summary>
    public void CheckInvariants()
    {
        lock (_lock)
        {
            int byFile = 0, breaking = 0;
            foreach (int head in _fileBuckets)
            {
                for (int file = head; file != None; file = _files[file].NextInBucket)
                    byFile += CountOf(file, ref breaking);
            }
            int byAge = 0;
            for (int promise = _oldest; promise != None; promise = _promises[promise].NextByAge)
                byAge++;
            int byHolder = 0;
            for (int holder = 0; holder < _firstOfHolder.Length; holder++)
            {
                for (int promise = FirstOfHolder(holder); promise != None; promise = _promises[promise].NextOfHolder)
                    byHolder++;
            }
            Require(byFile == _promiseCount, "promises by vnode");
            Require(byHolder == _promiseCount, "promises by holder");
            Require(breaking == _breakingCount, "promises being broken");
            Require(byAge == _promiseCount - _breakingCount, "promises by age");
            Require(_promiseCount <= _mostNodes && byAge <= _capacity, "bounds");
        }
    }

    private int CountOf(int file, ref int breaking)
    {
        int count = 0;
        for (int promise = _files[file].First; promise != None; promise = _promises[promise].NextInFile)
        {
            Require(FindPromise(file, _promises[promise].Holder) == promise, "hash of promises");
            breaking += _promises[promise].Ticket == 0 ? 0 : 1;
            count++;
        }
        Require(count > 0, "a vnode without promises");
        return count;
    }

    private static void Require(bool holds, string what)
    {
        if (!holds)
            throw new InvalidOperationException($"Promise table: {what}.");
    }
}
