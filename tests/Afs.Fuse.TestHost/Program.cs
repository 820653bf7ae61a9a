using Afs.Fuse;
using Afs.Fuse.TestHost;

// Usage: Afs.Fuse.TestHost MOUNTPOINT [--deferred] [--fusermount] [--remote-locks] [--depth-2] [--passthrough FOLDER]
// Says "ready", then does one command a line from standard input, and answers each with one line. At the end of the input it unmounts.
string[] flags = args[1..];
bool Has(string flag) => flags.Contains(flag);
int passthroughAt = Array.IndexOf(flags, "--passthrough");
var memory = new MemoryFileSystem();
FuseFileSystem fileSystem = passthroughAt >= 0 ? new PassthroughFileSystem(flags[passthroughAt + 1]) : memory;
var options = new FuseMountOptions
{
    Source = "afs,fuse\\tests",
    SubType = "memory",
    AllowOther = true,
    ForceFusermount = Has("--fusermount"),
    RemoteLocks = Has("--remote-locks"),
    Passthrough = passthroughAt >= 0,
    PassthroughStackDepth = Has("--depth-2") ? 2 : 1,
    ReaderThreads = 3,
};
using FuseSession session = FuseSession.Mount(args[0], options, Has("--deferred") ? new DeferredFileSystem(fileSystem) : fileSystem, new TextWriterFuseLog(Console.Error));
Console.WriteLine("ready");
var commands = new HostCommands(session, memory);
while (Console.ReadLine() is { } line)
{
    Console.WriteLine(commands.Run(line));
}
