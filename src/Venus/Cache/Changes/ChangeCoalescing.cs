using System.Runtime.InteropServices;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>
/// What of a batch need not be sent, because the batch is applied as a whole, and after it all is as if it had been sent. A pure function of the changes. Rules, none of them across a fence:
///  1. A store of a content stands for the one before it of the same file and the same caller, if no other change between them is about that file.
///  2. So does a change of status for the one before it, if it sets all fields that the other sets.
///  3. A new object and its removal cancel each other, with all that was done to it alone, if all of it is one caller's, nothing else names the object, and a later change of the same
///     directory's names is sent, which gives the directory its times, or the directory's removal.
/// What is refused takes along what it stands for: that is older content, or a status, of the same file by the same person.
/// </summary>
internal static class ChangeCoalescing
{
    /// <summary>A <see cref="ChangeFate"/> for each.</summary>
    /// <param name="changes">In order. A null is withdrawn: nothing depends on it that isn't withdrawn too.</param>
    public static ushort[] Decide(ReadOnlySpan<Change?> changes)
    {
        ushort[] fates = new ushort[changes.Length];
        for (int place = 0; place < fates.Length; place++)
            fates[place] = changes[place] is null ? ChangeFate.Withdrawn : (ushort)place;
        int start = 0;
        for (int place = 0; place < changes.Length; place++)
        {
            if (changes[place] is not { IsFence: true })
                continue;
            DecideBetween(changes, start, place, fates);
            start = place + 1;
        }
        DecideBetween(changes, start, changes.Length, fates);
        return fates;
    }

    private static void DecideBetween(ReadOnlySpan<Change?> changes, int start, int end, ushort[] fates)
    {
        if (end - start < 2)
            return;
        var objects = new Dictionary<Fid, List<int>>(end - start);
        for (int place = start; place < end; place++)
        {
            if (changes[place] is not { } change)
                continue;
            foreach (Fid fid in change.Fids)
                (CollectionsMarshal.GetValueRefOrAddDefault(objects, fid, out _) ??= []).Add(place);
        }
        foreach ((Fid fid, List<int> places) in objects)
            Replace(changes, fid, places, fates);
        Cancel(changes, start, end, objects, fates);
    }

    /// <summary>Of two changes that follow each other among those of one object. What is before the first stands as it stood.</summary>
    private static void Replace(ReadOnlySpan<Change?> changes, Fid fid, List<int> places, ushort[] fates)
    {
        for (int i = places.Count - 2; i >= 0; i--)
        {
            (Change earlier, Change later) = (changes[places[i]]!, changes[places[i + 1]]!);
            if (earlier.Object == fid && later.Object == fid && earlier.Kind == later.Kind && earlier.Caller == later.Caller && IsCovered(earlier, later))
                fates[places[i]] = fates[places[i + 1]];
        }
    }

    private static bool IsCovered(Change earlier, Change later) => earlier.Kind switch
    {
        ChangeKind.StoreContent => true,
        ChangeKind.StoreStatus => (earlier.Fields & ~later.Fields) == 0,
        _ => false,
    };

    /// <summary>From the last to the first, so that what is sent behind an object's removal is decided when it is looked at.</summary>
    private static void Cancel(ReadOnlySpan<Change?> changes, int start, int end, Dictionary<Fid, List<int>> objects, ushort[] fates)
    {
        var timed = new HashSet<Fid>();
        for (int place = end - 1; place >= start; place--)
        {
            if (changes[place] is not { } change || fates[place] == ChangeFate.Cancelled)
                continue;
            if (change.Kind is ChangeKind.Remove or ChangeKind.RemoveDirectory && timed.Contains(change.Parent) && IsAlone(changes, objects[change.Object], place))
            {
                foreach (int of in objects[change.Object])
                    fates[of] = ChangeFate.Cancelled;
                continue;
            }
            if (!change.IsOfNames)
                continue;
            timed.Add(change.Parent);
            if (change.Kind == ChangeKind.RemoveDirectory)
                timed.Add(change.Object);
            if (change.NewParent != default)
                timed.Add(change.NewParent);
        }
    }

    /// <summary>The object is made by the first of these, at the name that the last one takes, and those between are about it alone.</summary>
    private static bool IsAlone(ReadOnlySpan<Change?> changes, List<int> places, int removal)
    {
        (Change made, Change removed) = (changes[places[0]]!, changes[removal]!);
        if (places[^1] != removal || made.Kind != ChangeKind.Create || made.Object != removed.Object || made.Parent != removed.Parent || !made.Name.Span.SequenceEqual(removed.Name.Span))
            return false;
        foreach (int place in places)
        {
            Change change = changes[place]!;
            if (change.Caller != made.Caller)
                return false;
            if (place != places[0] && place != removal && (change.Object != made.Object || change.Kind is not (ChangeKind.StoreContent or ChangeKind.StoreStatus or ChangeKind.StoreXattr)))
                return false;
        }
        return true;
    }
}
