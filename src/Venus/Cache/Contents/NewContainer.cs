using Afs.Platform;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>A container file that is being made. The index learns of it when it is finished; before, a crash leaves a file without a row, which goes at the next start.</summary>
internal sealed class NewContainer(ContainerId id, Fid fid, IDiskFile file, IContainerFiles files, IContainerIndex index, string bootId) : IDisposable
{
    private bool _isFinished;

    public IDiskFile File => file;

    /// <summary>The content is that of a version of the server.</summary>
    public Container Finish(DataVersion version, uint crc32C, Timestamp modifyTime)
    {
        files.SetModifyTime(file, modifyTime);
        var record = new ContainerRecord(id, fid, version, ContainerState.Clean, crc32C, files.Stat(file), bootId);
        index.PutLater(record);
        _isFinished = true;
        return new Container(record, files, index, bootId);
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
