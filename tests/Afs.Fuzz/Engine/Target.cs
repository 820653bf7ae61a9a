using System.Diagnostics.CodeAnalysis;

namespace Afs.Fuzz;

/// <summary>
/// A parser, and what must hold whatever it is given: it accepts an input, or refuses it in the one way that it documents; nothing else is thrown; and what it
/// accepts has the properties that <see cref="Run"/> checks. How long it may take and how much it may allocate is measured outside.
/// </summary>
internal abstract class Target
{
    public abstract string Name { get; }

    /// <summary>One line for the list of targets.</summary>
    public abstract string About { get; }

    public virtual int MostBytes => 4096;

    /// <summary>How much scripts/test explores of it.</summary>
    public virtual long ShortExecutions => 20_000;

    /// <summary>Pieces of the format that chance would not find.</summary>
    public virtual IReadOnlyList<byte[]> Words => [];

    /// <summary>What one input may allocate: a constant, mostly for the refusal, and a multiple of its length.</summary>
    public virtual long MostAllocatedBytes(int inputBytes) => 16 * 1024 + 128L * inputBytes;

    /// <summary>Well-formed inputs to begin with.</summary>
    public abstract IEnumerable<byte[]> Seeds();

    /// <summary>True: accepted. False: refused as documented. Whatever is thrown is a finding.</summary>
    public abstract bool Run(ReadOnlySpan<byte> input);

    /// <exception cref="BrokenPropertyException">It doesn't.</exception>
    protected static void Holds([DoesNotReturnIf(false)] bool isSo, string property)
    {
        if (!isSo)
            throw new BrokenPropertyException(property);
    }
}

/// <summary>What a parser made of an input isn't what it promises.</summary>
internal sealed class BrokenPropertyException(string property) : Exception(property);
