using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Tests;

/// <summary>Edits in place, deltas and whole fetches lead to the same directory as the server's, whatever two clients do at the same time.</summary>
public class DirectoryPropertyTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    [InlineData(8)]
    public async Task TwoClientsAtRandom_AgreeWithTheServerAfterEachRound(int seed)
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        await using TestClient b = await TestClient.OpenAsync(volume);
        var random = new Random(seed);
        Fid sub = await a.CreateAsync("sub", type: FileType.Directory);
        Scramble(a, random.Next());
        Scramble(b, random.Next());
        for (int round = 0; round < 40; round++)
        {
            List<Task> work = [];
            for (int i = 0; i < random.Next(1, 8); i++)
                work.Add(StepAsync(random.Next(2) == 0 ? a : b, new Random(random.Next()), sub));
            await Task.WhenAll(work);
            a.Manager.CheckInvariants();
            b.Manager.CheckInvariants();
            foreach (Fid directory in (Fid[])[MemoryVolume.Root, sub])
            {
                Assert.Equal(volume.NamesOf(directory), await a.ListAsync(directory));
                Assert.Equal(volume.NamesOf(directory), await b.ListAsync(directory));
            }
        }
        foreach (string name in volume.NamesOf(MemoryVolume.Root))
        {
            Fid? fid = await a.LookupAsync(name);
            Assert.Equal(fid, await b.LookupAsync(name));
            FetchStatus server = volume.StatusOf(fid!.Value)!;
            Assert.Equal(server, (await a.Manager.Statuses.GetAsync(fid.Value, default)).Value);
            Assert.Equal(server, (await b.Manager.Statuses.GetAsync(fid.Value, default)).Value);
        }
    }

    /// <summary>Replies come late and in any order.</summary>
    private static void Scramble(TestClient client, int seed)
    {
        var random = new Random(seed);
        client.Server.Stub.After = async _ =>
        {
            int turns;
            lock (random)
                turns = random.Next(4);
            for (int i = 0; i < turns; i++)
                await Task.Yield();
        };
    }

    private static async Task StepAsync(TestClient client, Random random, Fid sub)
    {
        await Task.Yield();
        Fid directory = random.Next(3) == 0 ? sub : client.Root, other = random.Next(3) == 0 ? sub : client.Root;
        byte[] name = MemoryVice.Name($"n{random.Next(40)}"), target = MemoryVice.Name($"n{random.Next(40)}");
        IFileOperations operations = client.Manager.Operations;
        switch (random.Next(6))
        {
            case 0 or 1:
                await operations.CreateAsync(
                    new CreateRequest { Parent = directory, Name = name, Type = FileType.Regular, Mode = 0x1a4, Uid = 0, Gid = 0, Time = operations.Now }, default);
                break;
            case 2:
                await operations.RemoveAsync(directory, name, isDirectory: false, default);
                break;
            case 3:
                if (await client.LookupAsync(MemoryVolume.Text(name), directory) is { } file)
                    await operations.LinkAsync(file, other, target, default);
                break;
            default:
                await operations.RenameAsync(directory, name, other, target, RenameMode.Replace, default);
                break;
        }
    }
}
