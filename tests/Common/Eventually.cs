namespace Afs.Tests.Common;

/// <summary>Waits for what comes by itself. It is looked at again and again; running out of time is a failure, never a result.</summary>
internal static class Eventually
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(5);

    /// <summary>Whether it came true while there was patience.</summary>
    /// <param name="between">Done after each look that was in vain, e.g. to let a clock run.</param>
    public static async Task<bool> IsAsync(Func<bool> condition, Action? between = null)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!condition())
        {
            if (patience.IsCancellationRequested)
                return false;
            between?.Invoke();
            await Task.Delay(Step, CancellationToken.None);
        }

        return true;
    }

    /// <inheritdoc cref="IsAsync"/>
    public static async Task BecomesTrueAsync(Func<bool> condition, Action? between = null) =>
        Assert.True(await IsAsync(condition, between), "It did not come to pass.");

    /// <summary>The value as soon as it is the expected one, or what it is when the patience ends.</summary>
    public static async Task<T> GetAsync<T>(T expected, Func<T> read)
    {
        await IsAsync(() => EqualityComparer<T>.Default.Equals(read(), expected));
        return read();
    }
}
