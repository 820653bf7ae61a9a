using System.Runtime.InteropServices;
using Afs.Fuse;

// Usage: Fuse.Hello MOUNTPOINT. Serves until it is unmounted (fusermount3 -u), or until SIGINT or SIGTERM.
var options = new FuseMountOptions { Source = "hello", SubType = "hello" };
using FuseSession session = FuseSession.Mount(args[0], options, new HelloFileSystem(), new TextWriterFuseLog(Console.Error));
using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Unmount);
using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Unmount);
session.Wait();

void Unmount(PosixSignalContext context)
{
    context.Cancel = true;
    session.Unmount(UnmountMode.Abort);
}
