namespace Afs.Fuse.TestHost;

internal sealed partial class MemoryFileSystem
{
    private const int OpenTruncate = 0x200;
    private const uint SeekData = 3;
    private const uint FallocateKeepSize = 1;
    private const uint FallocatePunchHole = 2;

    public override ValueTask<FuseResult<OpenReply>> Open(in FuseRequest request, NodeId node, int openFlags, bool killSuidGid)
    {
        lock (_lock)
        {
            MemoryNode found = _nodes[node];
            if (_nodes[NodeId.Root].Children.Any(child => child.Value == found && child.Key.StartsWith("hang", StringComparison.Ordinal)))
            {
                return WaitForInterrupt(request.Interrupted);
            }

            if ((openFlags & OpenTruncate) != 0)
            {
                found.Resize(0);
                found.Touch();
            }

            _openFiles++;
            return new(new OpenReply { Handle = new FileHandle(++_lastHandle) });
        }
    }

    public override ValueTask<FuseResult<CreateReply>> Create(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name, uint mode, uint umask, int openFlags)
    {
        lock (_lock)
        {
            FuseResult<EntryReply> entry = Add(parent, name, mode & ~umask, request);
            if (!entry.IsSuccess)
            {
                return Refuse<CreateReply>(entry.Error);
            }

            _openFiles++;
            return new(new CreateReply { Entry = entry.Value, Open = new OpenReply { Handle = new FileHandle(++_lastHandle) } });
        }
    }

    public override ValueTask<FuseResult<CreateReply>> TemporaryFile(in FuseRequest request, NodeId parent, uint mode, uint umask, int openFlags)
    {
        lock (_lock)
        {
            MemoryNode node = Make(mode & ~umask, request.Uid, request.Gid);
            node.Attributes.LinkCount = 0;
            _openFiles++;
            return new(new CreateReply { Entry = Enter(node), Open = new OpenReply { Handle = new FileHandle(++_lastHandle) } });
        }
    }

    public override ValueTask<FuseResult<int>> Read(in FuseRequest request, NodeId node, FileHandle handle, long offset, Memory<byte> destination)
    {
        lock (_lock)
        {
            MemoryNode found = _nodes[node];
            int count = (int)Math.Clamp(found.SizeBytes - offset, 0, destination.Length);
            found.Content.AsSpan((int)Math.Min(offset, found.SizeBytes), count).CopyTo(destination.Span);
            return new(count);
        }
    }

    public override ValueTask<FuseResult<int>> Write(in FuseRequest request, NodeId node, FileHandle handle, long offset, ReadOnlyMemory<byte> data, WriteTraits traits)
    {
        lock (_lock)
        {
            MemoryNode found = _nodes[node];
            if (offset + data.Length > found.SizeBytes)
            {
                found.Resize(offset + data.Length);
            }

            data.Span.CopyTo(found.Content.AsSpan((int)offset));
            found.Touch();
            return new(data.Length);
        }
    }

    public override ValueTask<Errno> Flush(in FuseRequest request, NodeId node, FileHandle handle, ulong lockOwner)
    {
        FreeLocks(node, lockOwner, areFlocks: false);
        return new(Errno.None);
    }

    public override ValueTask<Errno> Fsync(in FuseRequest request, NodeId node, FileHandle handle, bool dataOnly) => new(Errno.None);

    public override ValueTask<Errno> Release(in FuseRequest request, NodeId node, FileHandle handle, int openFlags, bool flockUnlock, ulong lockOwner)
    {
        if (flockUnlock)
        {
            FreeLocks(node, lockOwner, areFlocks: true);
        }

        lock (_lock)
        {
            _openFiles--;
            return new(Errno.None);
        }
    }

    public override ValueTask<Errno> Fallocate(in FuseRequest request, NodeId node, FileHandle handle, long offset, long lengthBytes, uint mode)
    {
        lock (_lock)
        {
            MemoryNode found = _nodes[node];
            if ((mode & FallocatePunchHole) != 0)
            {
                int from = (int)Math.Min(offset, found.SizeBytes);
                found.Content.AsSpan(from, (int)Math.Min(lengthBytes, found.SizeBytes - from)).Clear();
            }
            else if ((mode & FallocateKeepSize) == 0 && offset + lengthBytes > found.SizeBytes)
            {
                found.Resize(offset + lengthBytes);
            }

            return new(Errno.None);
        }
    }

    public override ValueTask<FuseResult<long>> Seek(in FuseRequest request, NodeId node, FileHandle handle, long offset, uint whence)
    {
        lock (_lock)
        {
            int size = _nodes[node].SizeBytes;
            return offset >= size ? Refuse<long>(Errno.ENXIO) : new(whence == SeekData ? offset : size);
        }
    }

    public override ValueTask<FuseResult<long>> CopyFileRange(in FuseRequest request, NodeId node, FileHandle handle, long offset, NodeId toNode, FileHandle toHandle, long toOffset, long lengthBytes, ulong flags)
    {
        lock (_lock)
        {
            MemoryNode from = _nodes[node];
            int count = (int)Math.Clamp(from.SizeBytes - offset, 0, lengthBytes);
            byte[] data = from.Content.AsSpan((int)Math.Min(offset, from.SizeBytes), count).ToArray();
            MemoryNode to = _nodes[toNode];
            to.Resize(Math.Max(to.SizeBytes, toOffset + count));
            data.CopyTo(to.Content.AsSpan((int)toOffset));
            return new(count);
        }
    }

    private async ValueTask<FuseResult<OpenReply>> WaitForInterrupt(CancellationToken interrupted)
    {
        try
        {
            await Task.Delay(Timeout.Infinite, interrupted).ConfigureAwait(false);
        }
        finally
        {
            Interrupts++;
        }

        return Errno.EIO;
    }
}
