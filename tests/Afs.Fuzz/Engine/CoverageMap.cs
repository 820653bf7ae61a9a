using System.Linq.Expressions;
using System.Numerics;
using System.Reflection;
using System.Runtime.InteropServices;

namespace Afs.Fuzz;

/// <summary>
/// What an input reaches. Each block of an instrumented method adds one to the byte of the edge that led to it (SharpFuzz, as afl-fuzz has it); how often
/// an edge was taken counts by its order of magnitude.
/// </summary>
internal sealed unsafe class CoverageMap
{
    public const int MostEdges = 1 << 16;

    private static readonly byte[] Classes = MakeClasses();

    private readonly byte* _hits;
    private readonly Action _forgetLocation;
    private readonly byte[] _seen = new byte[MostEdges];

    private CoverageMap(byte* hits, Action forgetLocation)
    {
        _hits = hits;
        _forgetLocation = forgetLocation;
    }

    /// <summary>Edges that some input took.</summary>
    public int SeenEdges { get; private set; }

    /// <summary>
    /// Must come before any instrumented method runs: there is nowhere to count else. The class that they count in is found by its name, for SharpFuzz takes a
    /// program that knows it for one that is instrumented already.
    /// </summary>
    public static CoverageMap Install()
    {
        byte* hits = (byte*)NativeMemory.AlignedAlloc(MostEdges, 64);
        NativeMemory.Clear(hits, MostEdges);
        Type trace = Assembly.Load("SharpFuzz.Common").GetType("SharpFuzz.Common.Trace", throwOnError: true)!;
        trace.GetField("SharedMem")!.SetValue(null, Pointer.Box(hits, typeof(byte*)));
        BinaryExpression forget = Expression.Assign(Expression.Field(null, trace.GetField("PrevLocation")!), Expression.Constant(0));
        return new CoverageMap(hits, Expression.Lambda<Action>(forget).Compile());
    }

    public void Begin()
    {
        NativeMemory.Clear(_hits, MostEdges);
        _forgetLocation();
    }

    /// <summary>What the last input took that none before did: edges, each with its class of counts. They count as seen from here on.</summary>
    public void TakeNew(List<(int Edge, byte Class)> found)
    {
        found.Clear();
        ulong* words = (ulong*)_hits;
        for (int word = 0; word < MostEdges / sizeof(ulong); word++)
        {
            for (ulong left = words[word]; left != 0;)
            {
                int at = BitOperations.TrailingZeroCount(left) / 8;
                left &= ~(0xFFUL << (at * 8));
                int edge = word * sizeof(ulong) + at;
                byte @class = Classes[_hits[edge]];
                if ((_seen[edge] & @class) != 0)
                    continue;
                SeenEdges += _seen[edge] == 0 ? 1 : 0;
                _seen[edge] |= @class;
                found.Add((edge, @class));
            }
        }
    }

    /// <summary>The last input took all of these.</summary>
    public bool Took(List<(int Edge, byte Class)> edges)
    {
        foreach ((int edge, byte @class) in edges)
        {
            if (Classes[_hits[edge]] != @class)
                return false;
        }
        return true;
    }

    public void Forget()
    {
        Array.Clear(_seen);
        SeenEdges = 0;
    }

    /// <summary>One bit for each of 1, 2, 3, 4 to 7, 8 to 15, 16 to 31, 32 to 127, and more.</summary>
    private static byte[] MakeClasses()
    {
        byte[] classes = new byte[256];
        for (int hits = 1; hits < classes.Length; hits++)
        {
            classes[hits] = hits switch
            {
                1 => 1,
                2 => 2,
                3 => 4,
                < 8 => 8,
                < 16 => 16,
                < 32 => 32,
                < 128 => 64,
                _ => 128,
            };
        }
        return classes;
    }
}
