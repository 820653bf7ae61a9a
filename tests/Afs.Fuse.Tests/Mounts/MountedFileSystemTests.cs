using Afs.Fuse.Tests.Support;

namespace Afs.Fuse.Tests.Mounts;

/// <summary>Real programs on a real mount; each both with operations that answer at once and with such that wait.</summary>
public sealed class MountedFileSystemTests
{
    public static TheoryData<string> Ways => ["--inline", "--deferred"];

    [Theory]
    [MemberData(nameof(Ways))]
    public void Files_are_written_read_and_truncated(string way)
    {
        using var host = new MountedHost(way);
        host.Run("echo one > f && echo two >> f && test \"$(cat f)\" = $'one\\ntwo'");
        Assert.Equal("4", host.Run("truncate -s 4 f && stat -c %s f"));
        host.Run("head -c 5000000 /dev/urandom > /tmp/afs-fuse-$$ && cp /tmp/afs-fuse-$$ big && cmp big /tmp/afs-fuse-$$; r=$?; rm /tmp/afs-fuse-$$; exit $r");
        Assert.Equal("0", host.Run(": > f && stat -c %s f"));
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void Names_are_made_moved_linked_and_removed(string way)
    {
        using var host = new MountedHost(way);
        host.Run("mkdir -p a/b && echo x > a/b/f && mv a/b/f a/g && test ! -e a/b/f && test \"$(cat a/g)\" = x");
        Assert.Equal("2", host.Run("ln a/g a/h && stat -c %h a/h"));
        Assert.Equal("g", host.Run("ln -s g a/s && readlink a/s"));
        Assert.Equal("x", host.Run("cat a/s"));
        host.Run("echo y > a/y && mv a/y a/g && test \"$(cat a/g)\" = y && test \"$(cat a/h)\" = x");
        host.Run("mkfifo a/p && test -p a/p && mknod a/n c 1 3 && test \"$(stat -c %t:%T a/n)\" = 1:3");
        Assert.Contains("not empty", Shell.Run(host.MountPoint, "rmdir a").Output);
        host.Run("rm a/g a/h a/s a/p a/n && rmdir a/b a && test -z \"$(ls -A)\"");
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void Rename_knows_its_flags(string way)
    {
        using var host = new MountedHost(way);
        host.Run("echo 1 > a; echo 2 > b");
        const string Rename2 = "import ctypes,sys; l=ctypes.CDLL(None,use_errno=True); r=l.renameat2(-100,sys.argv[1].encode(),-100,sys.argv[2].encode(),int(sys.argv[3])); print(ctypes.get_errno() if r else 0)";
        Assert.Equal("17", host.Run($"python3 -c '{Rename2}' a b 1"));
        Assert.Equal("0", host.Run($"python3 -c '{Rename2}' a b 2"));
        Assert.Equal("2\n1", host.Run("cat a b"));
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void Ten_thousand_entries_are_listed_once_each(string way)
    {
        using var host = new MountedHost(way);
        host.Run("mkdir d && cd d && seq -f 'entry-%05g' 1 10000 | xargs touch");
        Assert.Equal("10000", host.Run("ls d | sort -u | wc -l"));
        Assert.Equal("10002", host.Run("ls -la d | tail -n +2 | wc -l"));
        Assert.Equal("10000", host.Run("find d -type f -name 'entry-*' | wc -l"));
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void Modes_owners_and_times(string way)
    {
        using var host = new MountedHost(way);
        Assert.Equal("640", host.Run("umask 027 && echo x > f && stat -c %a f"));
        Assert.Equal("4711 12 34", host.Run("chown 12:34 f && chmod 4711 f && stat -c '%a %u %g' f"));
        Assert.Equal("2001-02-03 04:05:06.123456789", host.Run("TZ=UTC touch -d '2001-02-03 04:05:06.123456789' f && TZ=UTC stat -c %y f | cut -c1-29"));
        Assert.Equal("1000 800 700 600", host.Run("stat -f -c '%b %a %c %d' ."));
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void Extended_attributes(string way)
    {
        using var host = new MountedHost(way);
        const string Script = """
            import os
            open("f","w").close()
            os.setxattr("f","user.a",b"value",os.XATTR_CREATE)
            try: os.setxattr("f","user.a",b"x",os.XATTR_CREATE); raise SystemExit("created twice")
            except FileExistsError: pass
            os.setxattr("f","user.big",b"z"*60000)
            assert os.getxattr("f","user.a")==b"value"
            assert len(os.getxattr("f","user.big"))==60000
            assert sorted(os.listxattr("f"))==["user.a","user.big"]
            os.removexattr("f","user.a")
            try: os.getxattr("f","user.a"); raise SystemExit("still there")
            except OSError as e: assert e.errno==61
            """;
        host.Run($"python3 - <<'END'\n{Script}\nEND");
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void Ranges_of_files(string way)
    {
        using var host = new MountedHost(way);
        Assert.Equal("8192", host.Run("fallocate -l 8192 f && stat -c %s f"));
        Assert.Equal("aaaa", host.Run("printf aaaabbbb > g && fallocate -p -o 4 -l 4 g && tr -d '\\0' < g"));
        const string Script = """
            import os
            open("src","wb").write(b"0123456789"*1000)
            s=os.open("src",os.O_RDONLY); d=os.open("dst",os.O_RDWR|os.O_CREAT)
            n=os.copy_file_range(s,d,4000,5,7)
            assert n==4000, n
            assert os.pread(d,5,7)==b"56789"
            assert os.lseek(s,100,os.SEEK_DATA)==100 and os.lseek(s,100,os.SEEK_HOLE)==10000
            t=os.open(".",os.O_TMPFILE|os.O_RDWR,0o600); os.write(t,b"gone"); assert os.fstat(t).st_nlink==0
            os.fsync(d); os.fsync(os.open(".",os.O_RDONLY))
            """;
        host.Run($"python3 - <<'END'\n{Script}\nEND");
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void Mapped_memory_reaches_the_file(string way)
    {
        using var host = new MountedHost(way);
        const string Script = """
            import mmap
            open("f","wb").write(b"x"*10000)
            with open("f","r+b") as f:
                m=mmap.mmap(f.fileno(),0); m[5000:5005]=b"hello"; m.flush(); m.close()
            """;
        host.Run($"python3 - <<'END'\n{Script}\nEND");
        Assert.Equal("hello", host.Run("dd if=f bs=1 skip=5000 count=5 status=none"));
    }

    [Theory]
    [InlineData("--inline")]
    [InlineData("--remote-locks")]
    public void A_lock_is_held_by_one_at_a_time(string way)
    {
        using var host = new MountedHost(way);
        host.Run("touch f; exec 9<f; flock -x 9; if flock -n -x f true; then exit 1; fi; flock -u 9; flock -n -x f true");
    }

    [Fact]
    public void A_wait_for_a_lock_ends_when_it_is_freed_and_when_its_process_is_killed()
    {
        using var host = new MountedHost("--remote-locks");
        host.Run("touch f; flock -x f sleep 1 & sleep 0.3; flock -x f true; wait");
        host.Run("flock -x f sleep 5 & holder=$!; sleep 0.3; flock -x f true & waiter=$!; sleep 0.3; kill -9 $waiter; wait $waiter || test $? = 137; kill $holder; pkill -P $holder || true");
    }

    [Fact]
    public void An_exception_is_EIO_for_its_caller_alone()
    {
        using var host = new MountedHost();
        Assert.Contains("Input/output error", Shell.Run(host.MountPoint, "cat throw-me").Output);
        host.Run("echo alive > f && cat f");
        Assert.Contains("thrown on purpose", host.Errors);
    }

    [Fact]
    public void A_reader_that_waits_can_be_killed()
    {
        using var host = new MountedHost();
        host.Run("touch hang-1 hang-2; cat hang-1 & a=$!; cat hang-2 & b=$!; sleep 0.5; kill -9 $a; wait $a || test $? = 137; kill -0 $b; kill -9 $b; wait $b || test $? = 137");
        host.AskUntil("interrupts", "2");
        Assert.DoesNotContain("failed", host.Errors);
    }

    [Fact]
    public void A_hundred_thousand_requests_allocate_next_to_nothing()
    {
        using var host = new MountedHost();
        host.Run("touch f");
        string stats = "python3 - <<'END'\nimport os\nfor i in range(%COUNT%): os.utime('f',ns=(i,i))\nEND";
        host.Run(stats.Replace("%COUNT%", "20000", StringComparison.Ordinal));
        long before = long.Parse(host.Ask("allocated"), null);
        host.Run(stats.Replace("%COUNT%", "100000", StringComparison.Ordinal));
        long allocated = long.Parse(host.Ask("allocated"), null) - before;
        Assert.InRange(allocated, 0, 100_000);
    }
}
