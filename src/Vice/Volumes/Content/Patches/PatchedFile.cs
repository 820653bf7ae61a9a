using Afs.Platform;
using Microsoft.Win32.SafeHandles;

namespace Afs.Vice.Volumes.Content;

/// <summary>A content that is a patch over a base, read as if it were one file. Owns both.</summary>
internal sealed class PatchedFile(IDiskFile patch, PatchIndex index, IDiskFile @base) : IDiskFile
{
    public long LengthBytes => index.LengthBytes;

    public PatchIndex Index => index;

    public IDiskFile Patch => patch;

    public IDiskFile Base => @base;

    /// <summary>None: there is no one file.</summary>
    public SafeFileHandle? Handle => null;

    /// <summary>Owns both files also where it fails.</summary>
    /// <exception cref="DiskException">The patch is damaged, or of another base.</exception>
    public static PatchedFile Open(IDiskFile patch, IDiskFile @base, ObjectId baseId)
    {
        try
        {
            PatchIndex index = PatchIndex.Read(patch);
            if (index.Base != baseId || index.BaseLengthBytes != @base.LengthBytes)
                throw new DiskException(DiskFailure.Failed, $"A patch over {index.Base} has the base {baseId}.");
            return new PatchedFile(patch, index, @base);
        }
        catch
        {
            patch.Dispose();
            @base.Dispose();
            throw;
        }
    }

    public int Read(long offset, Span<byte> destination)
    {
        int wanted = (int)Math.Clamp(LengthBytes - offset, 0, destination.Length);
        for (int done = 0; done < wanted;)
            done += ReadRun(offset + done, destination[done..wanted]);
        return wanted;
    }

    public DataRun NextData(long offset)
    {
        while (offset < LengthBytes)
        {
            long page = offset / PatchIndex.PageBytes;
            if (index.TryFind(page, out _))
                return new DataRun(offset, Math.Min((page + 1) * PatchIndex.PageBytes, LengthBytes));
            long end = RunEnd(page);
            DataRun inBase = @base.NextData(Math.Min(offset, index.BaseLengthBytes));
            if (!inBase.IsEmpty && inBase.StartBytes < end)
                return new DataRun(inBase.StartBytes, Math.Min(inBase.EndBytes, end));
            offset = end;
        }
        return new DataRun(LengthBytes, LengthBytes);
    }

    public void Write(long offset, ReadOnlySpan<byte> data) => throw Immutable();

    public void SetLength(long lengthBytes) => throw Immutable();

    public void Sync() => throw Immutable();

    public void Dispose()
    {
        patch.Dispose();
        @base.Dispose();
    }

    /// <summary>From the patch up to the end of the page, or from the base up to the next page of the patch.</summary>
    private int ReadRun(long offset, Span<byte> destination)
    {
        (long page, long within) = Math.DivRem(offset, PatchIndex.PageBytes);
        if (index.TryFind(page, out long at))
        {
            Span<byte> rest = destination[..(int)Math.Min(destination.Length, PatchIndex.PageBytes - within)];
            if (patch.Read(at + within, rest) != rest.Length)
                throw new DiskException(DiskFailure.Failed, "A patch is too short.");
            return rest.Length;
        }
        Span<byte> run = destination[..(int)Math.Min(destination.Length, RunEnd(page) - offset)];
        int count = offset < index.BaseLengthBytes ? @base.Read(offset, run) : 0;
        run[count..].Clear();
        return run.Length;
    }

    private long RunEnd(long page)
    {
        long next = index.NextBehind(page);
        return next > LengthBytes / PatchIndex.PageBytes ? LengthBytes : next * PatchIndex.PageBytes;
    }

    private static InvalidOperationException Immutable() => new("A content never changes.");
}
