using Afs.Mount.Tests.Kit;

namespace Afs.Mount.Tests;

/// <summary>A large file that is read while it arrives: by read(), through mappings, and by several at once.</summary>
public sealed class LargeFileTests
{
    [Theory]
    [InlineData("passthrough")]
    [InlineData("daemon")]
    public async Task Reads_and_mappings_of_a_file_that_arrives_see_its_content(string io)
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync("--io", io), b = await cell.MountAsync("--io", io);

        Script.Run(a, b, """
            page = 4096
            count = (80 << 20) // page
            with open(a + '/f', 'wb') as f:
                for i in range(count):
                    f.write(i.to_bytes(8, 'little') * (page // 8))
            def holds(data, i):
                return data == i.to_bytes(8, 'little') * (page // 8)
            fd = os.open(b + '/f', os.O_RDONLY)
            private = mmap.mmap(fd, 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)
            shared = mmap.mmap(fd, 0, flags=mmap.MAP_SHARED, prot=mmap.PROT_READ)
            assert holds(os.pread(fd, page, 0), 0)
            assert holds(private[-page:], count - 1) and holds(shared[-page:], count - 1)
            for i in range(0, count, 97):
                assert holds(os.pread(fd, page, i * page), i) and holds(private[i * page:(i + 1) * page], i) and holds(shared[i * page:(i + 1) * page], i)
            second = os.open(b + '/f', os.O_RDONLY)
            whole = 0
            while data := os.read(second, 1 << 20):
                assert holds(data[:page], whole // page) and holds(data[-page:], (whole + len(data)) // page - 1)
                whole += len(data)
            assert whole == count * page, whole
            assert os.pread(fd, 100, whole - 10) == ((count - 1).to_bytes(8, 'little') * 2)[-10:] and os.pread(fd, 100, whole) == b''
            private.close(); shared.close(); os.close(fd); os.close(second)
            with open(b + '/f', 'r+b') as f:
                f.write(b'mine')
            assert get(b + '/f')[:8] == b'mine' + bytes(4) and get(a + '/f')[:4] == b'mine'
            """);
    }
}
