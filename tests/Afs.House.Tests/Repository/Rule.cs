namespace Afs.House.Tests.Repository;

/// <summary>A house rule that nothing may break.</summary>
internal static class Rule
{
    /// <summary>Fails with the whole list, so that one run shows everything that is to be put right.</summary>
    public static void IsBrokenNowhere<T>(IEnumerable<T> violations)
    {
        string[] found = [.. violations.Select(violation => $"{violation}")];
        Assert.True(found.Length == 0, $"{found.Length} break this rule:\n  {string.Join("\n  ", found)}");
    }
}
