using System.Text.Json;
using Afs.Fuse;
using Afs.Fuse.TestHost;
using Microsoft.Win32.SafeHandles;

// Usage: Afs.Fuse.TestHost MOUNTPOINT [--deferred] [--private] [--fusermount] [--remote-locks] [--stall] [--passthrough FOLDER]
//            [--resume DESCRIPTOR CONNECTION]
// Says "ready", then does one command a line from standard input, and answers each with one line. At the end of the input it unmounts.
string[] flags = args[1..];
bool Has(string flag) => flags.Contains(flag);
string? After(string flag, int words) => Array.IndexOf(flags, flag) is >= 0 and var at ? flags[at + words] : null;
string? backingFolder = After("--passthrough", 1);
var memory = new MemoryFileSystem { IsStalling = Has("--stall") };
FuseFileSystem inner = backingFolder is null ? memory : new PassthroughFileSystem(backingFolder);
FuseFileSystem fileSystem = Has("--deferred") ? new DeferredFileSystem(inner) : inner;
var options = new FuseMountOptions
{
    Source = "afs,fuse\\tests",
    SubType = "memory",
    AllowOther = !Has("--private"),
    ForceFusermount = Has("--fusermount"),
    RemoteLocks = Has("--remote-locks"),
    Passthrough = backingFolder is not null,
    ReaderThreads = 3,
    ReadAheadBytes = 512 << 10,
};
var log = new TextWriterFuseLog(Console.Error);
using FuseSession session = After("--resume", 1) is { } descriptor
    ? FuseSession.Resume(
        new SafeFileHandle(int.Parse(descriptor, null), ownsHandle: true),
        args[0],
        JsonSerializer.Deserialize<FuseConnectionInfo>(After("--resume", 2)!)!,
        options,
        fileSystem,
        log)
    : FuseSession.Mount(args[0], options, fileSystem, log);
Console.WriteLine("ready");
var commands = new HostCommands(session, memory);
while (Console.ReadLine() is { } line)
{
    Console.WriteLine(commands.Run(line));
}
