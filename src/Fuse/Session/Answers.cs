using Afs.Fuse.Abi;
using Afs.Fuse.Protocol;

namespace Afs.Fuse.Session;

/// <summary>How the results of operations become replies. What an answer has to know of its request is still in the slot (<see cref="RequestSlot.Head"/>).</summary>
internal static class Answers
{
    /// <summary>Of operations that answer nothing but an errno.</summary>
    public static readonly Answer<Errno> Status = new StatusAnswer();

    public static readonly Answer<FuseResult<AttributesReply>> Attributes = new ValueAnswer<AttributesReply>(static (q, in reply) => ReplyWriter.Attributes(q.Payload, reply));

    public static readonly Answer<FuseResult<AttributesReply>> Statx = new ValueAnswer<AttributesReply>(static (q, in reply) => StatxWriter.Write(q.Payload, reply));

    public static readonly Answer<FuseResult<StatFsReply>> StatFs = new ValueAnswer<StatFsReply>(static (q, in reply) => ReplyWriter.StatFs(q.Payload, reply));

    public static readonly Answer<FuseResult<FileLock>> Lock = new ValueAnswer<FileLock>(static (q, in held) => ReplyWriter.Lock(q.Payload, held));

    public static readonly Answer<FuseResult<long>> Offset = new ValueAnswer<long>(static (q, in offset) => ReplyWriter.Offset(q.Payload, offset));

    /// <summary>COPY_FILE_RANGE, whose count has 32 bits.</summary>
    public static readonly Answer<FuseResult<long>> CopiedBytes = new ValueAnswer<long>(static (q, in count) => ReplyWriter.Size(q.Payload, checked((uint)count)));

    /// <summary>LOOKUP and everything that makes a name. The node brings a lookup.</summary>
    public static readonly Answer<FuseResult<EntryReply>> Entry = new ValueAnswer<EntryReply>(
        static (q, in entry) => ReplyWriter.Entry(q.Payload, entry),
        static (fs, _, in entry) => Forget(fs, entry.Node));

    public static readonly Answer<FuseResult<OpenReply>> Open = new ValueAnswer<OpenReply>(
        static (q, in open) => ReplyWriter.Open(q.Payload, open),
        static (fs, q, in open) => Release(fs, q, q.Node, open.Handle, q.Head<FuseOpenIn>().Flags));

    public static readonly Answer<FuseResult<OpenReply>> OpenDirectory = new ValueAnswer<OpenReply>(
        static (q, in open) => ReplyWriter.Open(q.Payload, open),
        static (fs, q, in open) => fs.ReleaseDirectory(q.FormerCaller, q.Node, open.Handle));

    /// <summary>CREATE and TMPFILE, which bring an open and a lookup. The open goes first, as with a kernel that closes and then forgets.</summary>
    public static readonly Answer<FuseResult<CreateReply>> Create = new ValueAnswer<CreateReply>(
        static (q, in created) => ReplyWriter.Create(q.Payload, created),
        static (fs, q, in created) => ForgetAfter(Release(fs, q, created.Entry.Node, created.Open.Handle, q.Head<FuseCreateIn>().Flags), fs, created.Entry.Node));

    /// <summary>READ: the data is in the payload already; the result is its length.</summary>
    public static readonly Answer<FuseResult<int>> Data = new ValueAnswer<int>(static (q, in count) => AtMost(count, q.Head<FuseReadIn>().SizeBytes));

    /// <summary>WRITE: the count of bytes written, never more than were sent.</summary>
    public static readonly Answer<FuseResult<int>> Written = new ValueAnswer<int>(
        static (q, in count) => ReplyWriter.Size(q.Payload, (uint)AtMost(count, q.Head<FuseWriteIn>().SizeBytes)));

    /// <summary>READLINK: the target as it is, without a NUL.</summary>
    public static readonly Answer<FuseResult<ReadOnlyMemory<byte>>> LinkTarget = new ValueAnswer<ReadOnlyMemory<byte>>(
        static (q, in target) => target.Length > FuseProtocol.LinkTargetMaxBytes ? Errno.ENAMETOOLONG : Copy(target, q));

    /// <summary>GETXATTR and LISTXATTR: the bytes; or, for a caller without room, their length; ERANGE where the room is too small.</summary>
    public static readonly Answer<FuseResult<ReadOnlyMemory<byte>>> Xattr = new ValueAnswer<ReadOnlyMemory<byte>>(static (q, in value) =>
        value.Length > FuseProtocol.XattrMaxBytes ? Errno.E2BIG
        : q.Head<FuseGetXattrIn>().SizeBytes is var roomBytes && roomBytes == 0 ? ReplyWriter.Size(q.Payload, (uint)value.Length)
        : (uint)value.Length > roomBytes ? Errno.ERANGE
        : Copy(value, q));

    public static readonly Answer<Errno> Directory = new DirectoryAnswer(isPlus: false), DirectoryPlus = new DirectoryAnswer(isPlus: true);

    private static ValueTask<Errno> Forget(FuseFileSystem fileSystem, NodeId node)
    {
        if (node.Value != 0)
        {
            fileSystem.Forget(node, 1);
        }

        return new ValueTask<Errno>(Errno.None);
    }

    private static ValueTask<Errno> Release(FuseFileSystem fileSystem, RequestSlot slot, NodeId node, FileHandle handle, int openFlags) =>
        fileSystem.Release(slot.FormerCaller, node, handle, openFlags, flockUnlock: false, lockOwner: 0);

    private static async ValueTask<Errno> ForgetAfter(ValueTask<Errno> released, FuseFileSystem fileSystem, NodeId node)
    {
        await released.ConfigureAwait(false);
        return await Forget(fileSystem, node).ConfigureAwait(false);
    }

    private static int AtMost(int count, uint roomBytes) =>
        (uint)count <= roomBytes ? count : throw new InvalidOperationException($"A request for {roomBytes} bytes answered {count}.");

    private static int Copy(in ReadOnlyMemory<byte> bytes, RequestSlot slot)
    {
        bytes.Span.CopyTo(slot.Payload);
        return bytes.Length;
    }
}

/// <summary>How the result of one kind of operation becomes a reply, and how it is taken back if nobody got it.</summary>
internal abstract class Answer<TResult>
{
    /// <summary>Writes the payload, and tells its length. A refusal has no payload.</summary>
    public abstract FuseResult<int> Write(FuseFileSystem fileSystem, RequestSlot slot, in TResult result);

    /// <summary>The kernel did not take a reply that said success: gives back the lookups and opens that it brought. The errno says nothing.</summary>
    /// <param name="payloadBytes">What was written of the slot's payload.</param>
    public virtual ValueTask<Errno> Undo(FuseFileSystem fileSystem, RequestSlot slot, in TResult result, int payloadBytes) => new(Errno.None);
}

internal delegate FuseResult<int> ValueWriter<T>(RequestSlot slot, in T value);

internal delegate ValueTask<Errno> ValueUndoer<T>(FuseFileSystem fileSystem, RequestSlot slot, in T value);

internal sealed class ValueAnswer<T>(ValueWriter<T> write, ValueUndoer<T>? undo = null) : Answer<FuseResult<T>>
{
    public override FuseResult<int> Write(FuseFileSystem fileSystem, RequestSlot slot, in FuseResult<T> result) => result.IsSuccess ? write(slot, in result.ValueInPlace) : result.Error;

    public override ValueTask<Errno> Undo(FuseFileSystem fileSystem, RequestSlot slot, in FuseResult<T> result, int payloadBytes) =>
        undo is null ? new(Errno.None) : undo(fileSystem, slot, in result.ValueInPlace);
}

internal sealed class StatusAnswer : Answer<Errno>
{
    public override FuseResult<int> Write(FuseFileSystem fileSystem, RequestSlot slot, in Errno result) => result == Errno.None ? default(FuseResult<int>) : result;
}

/// <summary>READDIR and READDIRPLUS: what was prepared is now written, entry by entry. Each node of a READDIRPLUS brings a lookup.</summary>
internal sealed class DirectoryAnswer(bool isPlus) : Answer<Errno>
{
    public override FuseResult<int> Write(FuseFileSystem fileSystem, RequestSlot slot, in Errno result)
    {
        if (result != Errno.None)
        {
            return result;
        }

        FuseReadIn request = slot.Head<FuseReadIn>();
        var filler = new DirectoryFiller(slot.Payload[..(int)request.SizeBytes], isPlus);
        Errno error = fileSystem.ReadDirectory(slot.Caller, slot.Node, request.Handle, request.Offset, ref filler);
        if (error == Errno.None)
        {
            return filler.WrittenBytes;
        }

        ForgetAll(fileSystem, slot, filler.WrittenBytes);
        return error;
    }

    public override ValueTask<Errno> Undo(FuseFileSystem fileSystem, RequestSlot slot, in Errno result, int payloadBytes)
    {
        ForgetAll(fileSystem, slot, payloadBytes);
        return new ValueTask<Errno>(Errno.None);
    }

    private void ForgetAll(FuseFileSystem fileSystem, RequestSlot slot, int payloadBytes)
    {
        if (!isPlus)
        {
            return;
        }

        var entries = new DirectoryEntryReader(slot.Payload[..payloadBytes]);
        while (entries.TryNext(out NodeId node))
        {
            fileSystem.Forget(node, 1);
        }
    }
}
