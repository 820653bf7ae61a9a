using Afs.Venus.Hosting;

namespace Afs.Venus.Tests;

public class RestartLimitTests
{
    [Fact]
    public void TheFirstIsReplacedAtOnce_TheNextLaterAndLater_AndTooManyNotAtAll()
    {
        var limit = new RestartLimit(new FakeTime());
        TimeSpan?[] pauses = [.. Enumerable.Range(0, RestartLimit.MostInWindow).Select(_ => limit.Died())];

        Assert.Equal(TimeSpan.Zero, pauses[0]);
        Assert.Equal(pauses[..^1], pauses[..^1].Order());
        Assert.True(pauses[^2] > pauses[1]);
        Assert.Null(pauses[^1]);
    }

    [Fact]
    public void WhatDiesSeldom_IsReplacedForEver()
    {
        var time = new FakeTime();
        var limit = new RestartLimit(time);
        for (int i = 0; i < 100; i++)
        {
            Assert.Equal(TimeSpan.Zero, limit.Died());
            time.Advance(RestartLimit.Window + TimeSpan.FromSeconds(1));
        }
    }

    [Theory]
    [InlineData("3:1:77", true)]
    [InlineData("3:1", false)]
    [InlineData("a:b:c", false)]
    [InlineData(null, false)]
    public void WhatASupervisorSays_IsReadBack(string? text, bool isOne) => Assert.Equal(isOne ? text : null, Supervision.TryParse(text)?.ToString());
}
