using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Tests;

/// <summary>statfs tells the truth of the last second, and never hangs.</summary>
public class VolumeFiguresTests
{
    [Fact]
    public async Task AfterAPause_TheServerIsAsked_BeforeItIsTold()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        Assert.Equal(500, await FreeAsync(a));
        volume.FreeBytes = 400;
        Assert.Equal(500, await FreeAsync(a));
        for (int pause = 2; pause < 100_000; pause *= 7)
        {
            volume.FreeBytes -= 10;
            a.Time.Advance(TimeSpan.FromSeconds(pause));
            Assert.Equal(volume.FreeBytes, await FreeAsync(a));
        }
    }

    [Fact]
    public async Task WithoutAnAnswer_ItIsToldWhatIsKnown_AfterASecondOnce_AndThenAtOnce()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        Assert.Equal(500, await FreeAsync(a));
        volume.FreeBytes = 400;
        a.Time.Advance(TimeSpan.FromSeconds(60));
        var asked = new TaskCompletionSource();
        var answer = new TaskCompletionSource();
        a.Server.Stub.Before = name =>
        {
            if (name != "GetVolumeStatus")
                return Task.CompletedTask;
            asked.TrySetResult();
            return answer.Task;
        };
        Task<long> first = FreeAsync(a);
        await asked.Task;
        Assert.False(first.IsCompleted);
        a.Time.Advance(TimeSpan.FromSeconds(1.1));
        Assert.Equal(500, await first);
        Assert.Equal(500, await FreeAsync(a));
        int calls = a.Server.Stub.CountOf("GetVolumeStatus");
        Assert.Equal(500, await FreeAsync(a));
        Assert.Equal(calls, a.Server.Stub.CountOf("GetVolumeStatus"));

        a.Server.Stub.Before = null;
        answer.SetResult();
        while (await FreeAsync(a) != 400)
            await Task.Yield();
    }

    private static async Task<long> FreeAsync(TestClient client)
    {
        Result<GetVolumeStatusReply> status = await client.Manager.Operations.GetVolumeStatusAsync(client.Root, default);
        Assert.Equal(Failure.None, status.Failure);
        return status.Value.FreeBytes;
    }
}
