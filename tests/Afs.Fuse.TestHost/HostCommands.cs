using System.Text;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;

namespace Afs.Fuse.TestHost;

/// <summary>What a test can ask the mounted process to do. Runs on the main thread, which serves no request.</summary>
internal sealed class HostCommands(FuseSession session, MemoryFileSystem memory)
{
    private SafeFileHandle? _kept;

    public string Run(string line)
    {
        string[] words = line.Split(' ', 3);
        return words[0] switch
        {
            "connection" => $"{session.Connection.Major}.{session.Connection.Minor} passthrough={session.Connection.Passthrough} epoch={session.Connection.HasEpoch} resend={session.Connection.HasResend}",
            "replace" => Replace(words[1], words[2]),
            "expire-entry" => session.Notifier.ExpireEntry(NodeId.Root, Encoding.UTF8.GetBytes(words[1])).ToString(),
            "invalidate-node" => session.Notifier.InvalidateNode(new NodeId(ulong.Parse(words[1], null))).ToString(),
            "epoch" => session.Notifier.IncrementEpoch().ToString(),
            "held" => memory.Held.ToString(),
            "interrupts" => memory.Interrupts.ToString(null, null),
            "allocated" => GC.GetTotalAllocatedBytes(precise: true).ToString(null, null),
            "unmount" => session.Unmount(Enum.Parse<UnmountMode>(words[1])).ToString(),
            "descriptor" => Descriptor(),
            "connection-json" => JsonSerializer.Serialize(session.Connection),
            "wait" => Wait(),
            _ => "unknown command",
        };
    }

    private string Replace(string name, string text)
    {
        memory.Replace(name, text);
        return "replaced";
    }

    private string Descriptor()
    {
        _kept ??= session.DuplicateDevice();
        return ((int)_kept.DangerousGetHandle()).ToString(null, null);
    }

    private string Wait()
    {
        session.Wait();
        return "ended";
    }
}
