using System.Collections;
using Afs.Fuse.Abi;
using Afs.Fuse.Protocol;

namespace Afs.Fuse.Session;

/// <summary>What the reader threads have to know of an operation. Most have none of these.</summary>
[Flags]
internal enum Traits
{
    None = 0,

    /// <summary>
    /// Nearly always answered from memory, or made a task after little more: names and attributes are changed by the server, and what FLUSH stores of a small file is in
    /// the page cache. All others may wait for a disk before they become a task, or compute for long: another reader is called first (<see cref="ReaderTeam"/>).
    /// </summary>
    Quick = 1 << 0,

    /// <summary>Who caused it went on at once. The kernel waits for the reply alone, and doesn't tell whose it is.</summary>
    Unawaited = 1 << 1,

    /// <summary>A message: it has no reply, is never a task, and is done by whoever read it. Nobody may keep it waiting.</summary>
    Message = 1 << 2,

    /// <summary>The end of an open file, which others may wait for (<see cref="EarlierReleases"/>).</summary>
    Release = 1 << 3,
}

/// <summary>
/// What the kernel can ask for: the table of operations. A line says, in this order, what asks for it, what the readers have to know of it, how the request is
/// read, which method of the filesystem serves it, and how its result is written. In a line fs is the filesystem, q the request's slot, r what was read of the request.
/// Everything else is the same for all:
///
/// A malformed request never reaches the filesystem: it gets the errno that <see cref="FrameReader"/> noted, EINVAL mostly, which is logged.
/// What isn't in the table gets ENOSYS. So does what the filesystem doesn't override, but for RELEASE, RELEASEDIR and the messages, which nobody can refuse.
/// Whatever has a reply is in the <see cref="InFlightTable"/> until then: an INTERRUPT finds it, and the kernel sends it again to a process that takes the mount over.
/// </summary>
internal sealed class OperationTable : IEnumerable
{
    private const Traits Slow = Traits.None, Quick = Traits.Quick, Unawaited = Traits.Unawaited, Message = Traits.Message | Quick | Unawaited;

    /// <summary>COPY_FILE_RANGE answers with 32 bits; a longer copy is cut to whole pages below that, and the caller goes on.</summary>
    private const ulong MaxCopyBytes = uint.MaxValue & ~(uint)(FuseProtocol.PageBytes - 1);

    private static readonly Operation Unknown = new RefusedOperation(Errno.ENOSYS);

    private static readonly OperationTable All = new()
    {
        // Names in a directory.
        { FuseOpcode.Lookup, Quick, Requests.Name, static (fs, q, name) => fs.Lookup(q.Caller, q.Node, name), Answers.Entry },
        { FuseOpcode.MkNod, Quick, Requests.WithName<FuseMkNodIn>, static (fs, q, r) => fs.MakeNode(q.Caller, q.Node, r.Name, r.Head.Mode, r.Head.DeviceNumber, r.Head.Umask), Answers.Entry },
        { FuseOpcode.MkDir, Quick, Requests.WithName<FuseMkDirIn>, static (fs, q, r) => fs.MakeDirectory(q.Caller, q.Node, r.Name, r.Head.Mode, r.Head.Umask), Answers.Entry },
        { FuseOpcode.SymLink, Quick, Requests.SymLink, static (fs, q, r) => fs.SymLink(q.Caller, q.Node, r.Name, r.Target), Answers.Entry },
        { FuseOpcode.Link, Quick, Requests.WithName<FuseLinkIn>, static (fs, q, r) => fs.Link(q.Caller, r.Head.OldNode, q.Node, r.Name), Answers.Entry },
        { FuseOpcode.Unlink, Quick, Requests.Name, static (fs, q, name) => fs.Unlink(q.Caller, q.Node, name), Answers.Status },
        { FuseOpcode.RmDir, Quick, Requests.Name, static (fs, q, name) => fs.RemoveDirectory(q.Caller, q.Node, name), Answers.Status },
        { FuseOpcode.Rename, Quick, Requests.Rename, static (fs, q, r) => Rename(fs, q, r), Answers.Status },
        { FuseOpcode.Rename2, Quick, Requests.Rename2, static (fs, q, r) => Rename(fs, q, r), Answers.Status },

        // A node, whatever it is.
        { FuseOpcode.GetAttr, Quick, Requests.GetAttributes, static (fs, q, file) => fs.GetAttributes(q.Caller, q.Node, file), Answers.Attributes },
        { FuseOpcode.Statx, Quick, Requests.Statx, static (fs, q, file) => fs.GetAttributes(q.Caller, q.Node, file), Answers.Statx },
        { FuseOpcode.SetAttr, Quick, Requests.SetAttributes, static (fs, q, set) => fs.SetAttributes(q.Caller, q.Node, set), Answers.Attributes },
        { FuseOpcode.Access, Quick, Requests.Plain<FuseAccessIn>, static (fs, q, r) => fs.Access(q.Caller, q.Node, r.Mask), Answers.Status },
        { FuseOpcode.ReadLink, Quick, Requests.Nothing, static (fs, q, _) => fs.ReadLink(q.Caller, q.Node), Answers.LinkTarget },
        { FuseOpcode.StatFs, Quick, Requests.Nothing, static (fs, q, _) => fs.StatFs(q.Caller, q.Node), Answers.StatFs },

        // An open file.
        { FuseOpcode.Open, Quick, Requests.Plain<FuseOpenIn>, static (fs, q, r) => fs.Open(q.Caller, q.Node, r.Flags, (r.OpenFlags & FuseProtocol.OpenKillSuidGid) != 0), Answers.Open },
        { FuseOpcode.Create, Quick, Requests.WithName<FuseCreateIn>, static (fs, q, r) => fs.Create(q.Caller, q.Node, r.Name, r.Head.Mode, r.Head.Umask, r.Head.Flags), Answers.Create },
        { FuseOpcode.TmpFile, Slow, Requests.Plain<FuseCreateIn>, static (fs, q, r) => fs.TemporaryFile(q.Caller, q.Node, r.Mode, r.Umask, r.Flags), Answers.Create },
        { FuseOpcode.Read, Slow, Requests.Read, static (fs, q, r) => fs.Read(q.Caller, q.Node, r.Handle, (long)r.Offset, q.PayloadMemory((int)r.SizeBytes)), Answers.Data },
        { FuseOpcode.Write, Slow, Requests.Write, static (fs, q, r) => fs.Write(q.Caller, q.Node, r.Handle, (long)r.Offset, q.WriteData((int)r.SizeBytes), r.Traits), Answers.Written },
        { FuseOpcode.Flush, Quick, Requests.Plain<FuseFlushIn>, static (fs, q, r) => fs.Flush(q.Caller, q.Node, r.Handle, r.LockOwner), Answers.Status },
        { FuseOpcode.Fsync, Slow, Requests.Plain<FuseFsyncIn>, static (fs, q, r) => fs.Fsync(q.Caller, q.Node, r.Handle, r.IsDataOnly), Answers.Status },
        { FuseOpcode.Release, Quick | Unawaited | Traits.Release, Requests.Plain<FuseReleaseIn>, static (fs, q, r) => fs.Release(q.Caller, q.Node, r.Handle, r.Flags, (r.ReleaseFlags & FuseProtocol.ReleaseFlockUnlock) != 0, r.LockOwner), Answers.Status },

        // Ranges of an open file.
        { FuseOpcode.Fallocate, Slow, Requests.Fallocate, static (fs, q, r) => fs.Fallocate(q.Caller, q.Node, r.Handle, (long)r.Offset, (long)r.LengthBytes, r.Mode), Answers.Status },
        { FuseOpcode.LSeek, Slow, Requests.Plain<FuseLSeekIn>, static (fs, q, r) => fs.Seek(q.Caller, q.Node, r.Handle, (long)r.Offset, r.Whence), Answers.Offset },
        { FuseOpcode.CopyFileRange, Slow, Requests.CopyFileRange, static (fs, q, r) => Copy(fs, q, r, MaxCopyBytes), Answers.CopiedBytes },
        { FuseOpcode.CopyFileRange64, Slow, Requests.CopyFileRange, static (fs, q, r) => Copy(fs, q, r, ulong.MaxValue), Answers.Offset },

        // An open directory. What was prepared is read when the answer is written.
        { FuseOpcode.OpenDir, Slow, Requests.Plain<FuseOpenIn>, static (fs, q, r) => fs.OpenDirectory(q.Caller, q.Node, r.Flags), Answers.OpenDirectory },
        { FuseOpcode.ReadDir, Slow, Requests.ReadDirectory, static (fs, q, r) => fs.PrepareDirectory(q.Caller, q.Node, r.Handle, r.Offset, isPlus: false), Answers.Directory },
        { FuseOpcode.ReadDirPlus, Slow, Requests.ReadDirectory, static (fs, q, r) => fs.PrepareDirectory(q.Caller, q.Node, r.Handle, r.Offset, isPlus: true), Answers.DirectoryPlus },
        { FuseOpcode.FsyncDir, Slow, Requests.Plain<FuseFsyncIn>, static (fs, q, r) => fs.FsyncDirectory(q.Caller, q.Node, r.Handle, r.IsDataOnly), Answers.Status },
        { FuseOpcode.ReleaseDir, Unawaited | Traits.Release, Requests.Plain<FuseReleaseIn>, static (fs, q, r) => fs.ReleaseDirectory(q.Caller, q.Node, r.Handle), Answers.Status },

        // Extended attributes.
        { FuseOpcode.SetXattr, Slow, Requests.SetXattr, static (fs, q, r) => fs.SetXattr(q.Caller, q.Node, r.Name, r.Second, r.Head.Flags, (r.Head.SetXattrFlags & FuseProtocol.SetXattrKillSgid) != 0), Answers.Status },
        { FuseOpcode.GetXattr, Quick, Requests.GetXattr, static (fs, q, name) => fs.GetXattr(q.Caller, q.Node, name), Answers.Xattr },
        { FuseOpcode.ListXattr, Slow, Requests.Plain<FuseGetXattrIn>, static (fs, q, _) => fs.ListXattr(q.Caller, q.Node), Answers.Xattr },
        { FuseOpcode.RemoveXattr, Slow, Requests.RemoveXattr, static (fs, q, name) => fs.RemoveXattr(q.Caller, q.Node, name), Answers.Status },

        // fcntl and flock locks, where the mount asked for them.
        { FuseOpcode.GetLk, Slow, Requests.Lock, static (fs, q, r) => fs.GetLock(q.Caller, q.Node, r.Handle, r.Wanted), Answers.Lock },
        { FuseOpcode.SetLk, Slow, Requests.Lock, static (fs, q, r) => fs.SetLock(q.Caller, q.Node, r.Handle, r.Wanted, wait: false), Answers.Status },
        { FuseOpcode.SetLkW, Slow, Requests.Lock, static (fs, q, r) => fs.SetLock(q.Caller, q.Node, r.Handle, r.Wanted, wait: true), Answers.Status },

        // Messages. A NOTIFY_REPLY would answer a FUSE_NOTIFY_RETRIEVE, which is never sent: it is malformed.
        { FuseOpcode.Forget, Requests.Plain<FuseForgetIn>, static (d, q, r) => d.FileSystem.Forget(q.Node, r.Lookups) },
        { FuseOpcode.BatchForget, Requests.BatchForget, static (d, _, entries) => ForgetAll(d.FileSystem, entries) },
        { FuseOpcode.Interrupt, Requests.Plain<FuseInterruptIn>, static (d, q, r) => d.Interruptions.Handle(q.Header.Id, r.Target) },
        { FuseOpcode.NotifyReply, Requests.Unexpected, static (_, _, _) => { } },

        // What no filesystem is asked for. INIT comes once, before the session begins.
        { FuseOpcode.Destroy, Errno.None },
        { FuseOpcode.Ioctl, Errno.ENOTTY },
        { FuseOpcode.Init, Errno.EPROTO },
    };

    private readonly Operation[] _operations = [.. Enumerable.Repeat(Unknown, (int)FuseOpcode.CopyFileRange64 + 1)];

    private OperationTable()
    {
    }

    public static Operation Find(FuseOpcode opcode)
    {
        Operation[] operations = All._operations;
        return (uint)opcode < (uint)operations.Length ? operations[(uint)opcode] : Unknown;
    }

    IEnumerator IEnumerable.GetEnumerator() => _operations.GetEnumerator();

    private void Add<TRequest, TResult>(FuseOpcode opcode, Traits traits, RequestReading<TRequest> read, ServedBy<TRequest, TResult> serve, Answer<TResult> answer)
        where TRequest : allows ref struct => _operations[(int)opcode] = new ServedOperation<TRequest, TResult>(traits, read, serve, answer);

    private void Add<TRequest>(FuseOpcode opcode, RequestReading<TRequest> read, HeardBy<TRequest> hear)
        where TRequest : allows ref struct => _operations[(int)opcode] = new MessageOperation<TRequest>(Message, read, hear);

    private void Add(FuseOpcode opcode, Errno refusal) => _operations[(int)opcode] = new RefusedOperation(refusal);

    private static ValueTask<Errno> Rename(FuseFileSystem fileSystem, RequestSlot slot, Named<FuseRename2In> request) =>
        fileSystem.Rename(slot.Caller, slot.Node, request.Name, request.Head.NewParent, request.Second, request.Head.Flags);

    private static ValueTask<FuseResult<long>> Copy(FuseFileSystem fileSystem, RequestSlot slot, in FuseCopyFileRangeIn request, ulong maxBytes) => fileSystem.CopyFileRange(
        slot.Caller, slot.Node, request.Handle, (long)request.Offset, request.ToNode, request.ToHandle, (long)request.ToOffset, (long)Math.Min(request.LengthBytes, maxBytes), request.Flags);

    private static void ForgetAll(FuseFileSystem fileSystem, ReadOnlySpan<FuseForgetOne> entries)
    {
        foreach (FuseForgetOne entry in entries)
        {
            fileSystem.Forget(entry.Node, entry.Lookups);
        }
    }
}

/// <summary>Takes a request from its frame; <see cref="FrameReader.Error"/> tells whether it is well formed.</summary>
internal delegate TRequest RequestReading<out TRequest>(ref FrameReader reader)
    where TRequest : allows ref struct;

/// <summary>The call of the filesystem that a request is.</summary>
internal delegate ValueTask<TResult> ServedBy<in TRequest, TResult>(FuseFileSystem fileSystem, RequestSlot slot, TRequest request)
    where TRequest : allows ref struct;

/// <summary>What is done about a message.</summary>
internal delegate void HeardBy<in TRequest>(RequestDispatcher dispatcher, RequestSlot slot, TRequest request)
    where TRequest : allows ref struct;

/// <summary>One line of the table.</summary>
internal abstract class Operation(Traits traits)
{
    public bool IsQuick => (traits & Traits.Quick) != 0;

    public bool IsAwaited => (traits & Traits.Unawaited) == 0;

    public bool IsMessage => (traits & Traits.Message) != 0;

    public bool IsRelease => (traits & Traits.Release) != 0;

    /// <summary>True: the slot is the caller's again. False: it went with a request that waits.</summary>
    public abstract bool Run(RequestDispatcher dispatcher, RequestSlot slot);
}

internal sealed class ServedOperation<TRequest, TResult>(Traits traits, RequestReading<TRequest> read, ServedBy<TRequest, TResult> serve, Answer<TResult> answer) : Operation(traits)
    where TRequest : allows ref struct
{
    public override bool Run(RequestDispatcher dispatcher, RequestSlot slot)
    {
        FrameReader reader = dispatcher.ReaderOf(slot);
        TRequest request = read(ref reader);
        return reader.Error == Errno.None
            ? dispatcher.Responder.Answer(slot, serve(dispatcher.FileSystem, slot, request), answer)
            : dispatcher.Responder.RefuseMalformed(slot, reader.Error);
    }
}

internal sealed class MessageOperation<TRequest>(Traits traits, RequestReading<TRequest> read, HeardBy<TRequest> hear) : Operation(traits)
    where TRequest : allows ref struct
{
    public override bool Run(RequestDispatcher dispatcher, RequestSlot slot)
    {
        FrameReader reader = dispatcher.ReaderOf(slot);
        TRequest request = read(ref reader);
        if (reader.Error == Errno.None)
        {
            hear(dispatcher, slot, request);
        }
        else
        {
            dispatcher.Responder.Log.RequestMalformed(slot.Header.Opcode, slot.Node, slot.Header.Id, slot.FrameBytes);
        }

        return true;
    }
}

/// <summary>Always answered with the same errno, or with a bare success.</summary>
internal sealed class RefusedOperation(Errno error) : Operation(Traits.None)
{
    public override bool Run(RequestDispatcher dispatcher, RequestSlot slot) => dispatcher.Responder.Refuse(slot, error);
}

/// <summary>From a frame to the operation that it asks for. Knows no descriptor; whatever a frame holds, it gets an errno or is dropped.</summary>
internal sealed class RequestDispatcher(Responder responder, InFlightTable table, Interruptions interruptions, FuseConnectionInfo connection)
{
    private readonly bool _hasLongSetXattr = ((FuseInitFlags)connection.Flags).HasFlag(FuseInitFlags.SetXattrExtended);

    public Responder Responder => responder;

    public FuseFileSystem FileSystem => responder.FileSystem;

    public Interruptions Interruptions => interruptions;

    public FrameReader ReaderOf(RequestSlot slot) => new(slot.Body, slot.MaxPayloadBytes, _hasLongSetXattr);

    /// <summary>True: all was done that it asked for. False: it is known from here on, and is for <see cref="Work"/>. Never blocks.</summary>
    public bool Accept(RequestSlot slot)
    {
        try
        {
            if (!slot.IsWhole)
            {
                responder.Log.RequestMalformed(slot.Header.Opcode, slot.Node, slot.Header.Id, slot.FrameBytes);
                return slot.Header.Id.Value == 0 || responder.Refuse(slot, Errno.EINVAL);
            }

            if (slot.Operation.IsMessage)
            {
                slot.IsAnswered = true;
                return slot.Operation.Run(this, slot);
            }

            table.Register(slot);
            return false;
        }
        catch (Exception exception)
        {
            responder.Fail(slot, exception);
            return true;
        }
    }

    /// <summary>True: the slot is the caller's again. False: it went with a request that waits.</summary>
    public bool Work(RequestSlot slot)
    {
        try
        {
            responder.FileSystem.Arrived();
            return slot.Operation.Run(this, slot);
        }
        catch (Exception exception)
        {
            responder.Fail(slot, exception);
            return true;
        }
    }
}
