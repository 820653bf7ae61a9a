using Afs.Mount.Tests.Kit;

namespace Afs.Mount.Tests;

/// <summary>
/// Small files are read through the page cache of the mount, or by passthrough where somebody can write them: whoever reads sees what was written last,
/// by whatever way.
/// </summary>
public sealed class SmallFileTests
{
    private const int UsualSteps = 200;

    [Theory]
    [InlineData("passthrough")]
    [InlineData("daemon")]
    public async Task What_a_mapping_writes_after_its_close_is_read_at_once(string io)
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync("--io", io), b = await cell.MountAsync("--io", io);

        Script.Run(a, b, """
            import time
            put(a + '/f', b'x' * 4096)
            assert get(b + '/f') == b'x' * 4096 and get(b + '/f') == b'x' * 4096
            fd = os.open(b + '/f', os.O_RDWR)
            new = mmap.mmap(fd, 4096)
            os.close(fd)
            for i in range(50):
                new[i:i + 1] = b'y'
                assert get(b + '/f') == b'y' * (i + 1) + b'x' * (4095 - i), i
            time.sleep(5)
            new[:4] = b'late'
            assert get(b + '/f')[:4] == b'late'
            new.close()
            """);
    }

    [Theory]
    [InlineData("passthrough", 1)]
    [InlineData("daemon", 3)]
    public async Task Readers_and_writers_of_one_client_agree_at_random(string io, int seed)
    {
        using Cell cell = await Cell.StartAsync();
        Client a = await cell.MountAsync("--io", io), b = await cell.MountAsync("--io", io);

        Script.Run(a, b, $$"""
            import random, time
            rng, path, limit = random.Random({{seed}}), b + '/f', 100000
            put(a + '/f', b'start' * 1000)
            model, handles, maps = bytearray(b'start' * 1000), [], []

            def patch(at, data):
                if at > len(model): model.extend(bytes(at - len(model)))
                model[at:at + len(data)] = data

            def write_some(fd):
                data = rng.randbytes(rng.choice([1, 100, 5000]))
                at = rng.randrange(min(len(model) + 2000, limit))
                os.pwrite(fd, data, at); patch(at, data)

            def step():
                what = rng.randrange(12)
                if what < 3: handles.append((os.open(path, os.O_RDONLY), False))
                elif what == 3: handles.append((os.open(path, os.O_RDWR), True))
                elif what == 4: handles.append((os.open(path, os.O_WRONLY), None))
                elif what == 5:
                    fd = os.open(path, os.O_WRONLY); write_some(fd); os.close(fd)
                elif what == 6 and len(model) >= 4096 and len(maps) < 4:
                    fd = os.open(path, os.O_RDWR if rng.random() < 0.5 else os.O_RDONLY)
                    try: maps.append((mmap.mmap(fd, 4096), True))
                    except PermissionError: maps.append((mmap.mmap(fd, 4096, prot=mmap.PROT_READ), False))
                    os.close(fd)
                elif what == 7 and len(model) > 4096 and not maps:
                    length = rng.choice([4096, rng.randrange(4096, limit)])
                    os.truncate(path, length)
                    del model[length:]; model.extend(bytes(length - len(model)))
                elif what in (8, 9) and handles:
                    fd, mode = handles.pop(rng.randrange(len(handles))); os.close(fd)
                elif what == 10 and maps: maps.pop(rng.randrange(len(maps)))[0].close()
                elif what == 11 and rng.random() < 0.1: time.sleep(3)
                for fd, mode in handles:
                    if mode is not False and rng.random() < 0.2: write_some(fd)
                for view, mode in maps:
                    if mode and rng.random() < 0.3: view[7:11] = model[7:11] = rng.randbytes(4)

            def check(number):
                assert get(path) == model, number
                assert os.stat(path).st_size == len(model), number
                for fd, mode in handles:
                    if mode is not None: assert os.pread(fd, limit * 2, 0) == model, (number, fd)
                for view, mode in maps: assert view[:] == model[:4096], number

            for number in range(rounds):
                step()
                check(number)
            for fd, mode in handles: os.close(fd)
            for view, mode in maps: view.close()
            assert get(path) == model
            fd = os.open(path, os.O_RDWR); os.fsync(fd); os.close(fd)
            assert get(a + '/f') == model
            """, Script.Rounds(UsualSteps));
    }
}
