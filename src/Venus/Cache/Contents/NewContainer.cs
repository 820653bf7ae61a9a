using Afs.Platform;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>A container file that is being made. The index learns of it when it is finished; before, a crash leaves a file without a row, which goes at the next start.</summary>
internal sealed class NewContainer(ContainerId id, Fid fid, IDiskFile file, IContainerFiles files, IContainerIndex index, string bootId) : IDisposable
{
    private bool _isFinished;

    public IDiskFile File => file;

    /// <summary>The content is that of a version of the server.</summary>
    /// <param name="blocks">Its sums, where they are known.</param>
    public Container Finish(DataVersion version, uint crc32C, Timestamp modifyTime, BlockSums? blocks)
    {
        var record = new ContainerRecord(id, fid, version, ContainerState.Clean, crc32C, default, bootId);
        return FinishAs(new Container(record, files, index, bootId), modifyTime, blocks);
    }

    /// <summary>For readers, before its content is there. The index knows nothing of it.</summary>
    public Container Announce(FetchStatus status) =>
        new(new ContainerRecord(id, fid, status.DataVersion, ContainerState.Clean, status.ContentCrc32C, default, bootId), files, index, bootId) { Arrival = new Arrival() };

    /// <summary>The content is that of this container's version; so of an announced one.</summary>
    public Container FinishAs(Container container, Timestamp modifyTime, BlockSums? blocks)
    {
        files.SetModifyTime(file, modifyTime);
        index.PutLater(container.Arrived(files.Stat(file), blocks));
        _isFinished = true;
        return container;
    }

    /// <summary>Empty, as a change of this client: a truncation that no fetch came before.</summary>
    public Container FinishTruncated(DataVersion version)
    {
        var record = new ContainerRecord(id, fid, version, ContainerState.Clean, 0, default, bootId);
        _isFinished = true;
        return new Container(record, files, index, bootId) { EverWritten = true };
    }

    public void Dispose()
    {
        file.Dispose();
        if (!_isFinished)
            files.Delete(id);
    }
}
