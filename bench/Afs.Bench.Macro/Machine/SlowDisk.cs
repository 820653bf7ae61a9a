using System.IO.MemoryMappedFiles;
using Afs.Bench.Macro.Native;

namespace Afs.Bench.Macro.Machine;

/// <summary>
/// What bench/SlowDisk/slow_disk.c shares with the processes that preload it: this one, the daemons and all that they start. Turned on by the
/// constructor for the disk of one folder; offsets are those of struct state there.
/// </summary>
public sealed class SlowDisk : IDisposable
{
    private const string Variable = "AFS_SLOW_DISK";
    private const int DelayOffset = 0, DeviceOffset = 8, CountsOffset = 32, CountBytes = 16, MostProcesses = 1024;

    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _state;

    /// <exception cref="InvalidOperationException">Nothing was preloaded: the benchmark wasn't started by scripts/bench.</exception>
    public SlowDisk(string directory, int fsyncMs)
    {
        string path = Environment.GetEnvironmentVariable(Variable)
            ?? throw new InvalidOperationException("--fsync-ms works with scripts/bench only, which compiles and preloads what it needs.");
        _file = MemoryMappedFile.CreateFromFile(path, FileMode.Open);
        _state = _file.CreateViewAccessor(0, CountsOffset + CountBytes * MostProcesses);
        _state.Write(DeviceOffset, FileTree.DeviceOf(new NativePath(directory)));
        _state.Write(DelayOffset, fsyncMs * 1_000_000L);
    }

    /// <summary>Delayed flushes of a process so far.</summary>
    public long FlushesOf(int process)
    {
        for (int i = 0; i < MostProcesses; i++)
        {
            long at = CountsOffset + CountBytes * (long)i;
            if (_state.ReadInt64(at) == process)
                return _state.ReadInt64(at + 8);
        }
        return 0;
    }

    /// <summary>From here on the disk is as fast as it is.</summary>
    public void Dispose()
    {
        _state.Write(DelayOffset, 0L);
        _state.Dispose();
        _file.Dispose();
    }
}
