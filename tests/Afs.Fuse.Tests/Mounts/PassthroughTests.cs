using Afs.Fuse.Tests.Support;

namespace Afs.Fuse.Tests.Mounts;

/// <summary>Content that goes past the daemon: its filesystem has no Read and no Write.</summary>
public sealed class PassthroughTests
{
    [Fact]
    public void Read_write_and_mmap_go_to_the_backing_file()
    {
        using MountedHost host = Mount();
        host.Run("echo hello > f && test \"$(cat f)\" = hello");
        Assert.Equal("hello", File.ReadAllText(Path.Combine(host.BackingFolder, "f")).TrimEnd());
        const string Script = """
            import mmap
            with open("f","r+b") as f:
                m=mmap.mmap(f.fileno(),0); assert m[:5]==b"hello"; m[:5]=b"HELLO"; m.flush()
            """;
        host.Run($"python3 - <<'END'\n{Script}\nEND");
        Assert.Equal("HELLO", File.ReadAllText(Path.Combine(host.BackingFolder, "f")).TrimEnd());
    }

    [Fact]
    public void The_same_backing_serves_several_opens_at_once()
    {
        using MountedHost host = Mount();
        host.Run("head -c 3000000 /dev/urandom > f; exec 3<f 4<>f; cmp /dev/fd/3 f; cat f | cmp - f");
    }

    [Fact]
    public void Without_asking_there_is_none()
    {
        using var host = new MountedHost();
        Assert.Contains("passthrough=False", host.Ask("connection"));
    }

    private static MountedHost Mount()
    {
        var host = new MountedHost("--passthrough", "{backing}");
        string connection = host.Ask("connection");
        if (connection.Contains("passthrough=False", StringComparison.Ordinal))
        {
            host.Dispose();
            Assert.Skip($"the kernel grants no passthrough ({connection})");
        }

        return host;
    }
}
