namespace Afs.Venus.Tests;

/// <summary>Waits for what happens in the background.</summary>
internal static class Eventually
{
    public static async Task BecomesTrueAsync(Func<bool> condition, Action? between = null)
    {
        for (int i = 0; i < 6000; i++)
        {
            if (condition())
                return;
            between?.Invoke();
            await Task.Delay(5);
        }
        Assert.Fail("It did not come to pass.");
    }
}
