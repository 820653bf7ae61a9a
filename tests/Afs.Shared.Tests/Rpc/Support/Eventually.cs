namespace Afs.Shared.Tests.Rpc;

/// <summary>For what the other side does after its last word: it comes true soon, and is waited for within a bound.</summary>
internal static class Eventually
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(30), Step = TimeSpan.FromMilliseconds(5);

    /// <summary>The value as soon as it is the expected one, or what it is at the bound.</summary>
    public static async Task<T> GetAsync<T>(T expected, Func<T> read)
    {
        for (TimeSpan waited = TimeSpan.Zero; waited < Bound && !EqualityComparer<T>.Default.Equals(read(), expected); waited += Step)
            await Task.Delay(Step, TestContext.Current.CancellationToken);
        return read();
    }
}
