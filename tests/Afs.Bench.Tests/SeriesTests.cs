using Afs.Bench.Macro.Measuring;

namespace Afs.Bench.Tests;

public sealed class SeriesTests
{
    [Theory]
    [InlineData(new double[] { 3 }, 3)]
    [InlineData(new double[] { 9, 1, 2 }, 2)]
    [InlineData(new double[] { 4, 1, 100, 2 }, 3)]
    public void The_median_is_the_middle_value(double[] values, double expected) => Assert.Equal(expected, Median.Of(values));

    [Fact]
    public void The_median_of_nothing_is_refused() => Assert.Throws<ArgumentException>(() => Median.Of([]));

    [Fact]
    public void A_ratio_compares_values_of_the_same_run()
    {
        Series series = Filled(new Measure("read"), control: [1, 10, 100], mount: [2, 30, 100]);
        Assert.Equal([2, 3, 1], series.RatiosOf("afs", "ext4"));
    }

    [Fact]
    public void A_run_that_one_place_lacks_has_no_ratio()
    {
        var series = new Series("work", new Measure("read"));
        series.Add("ext4", 0, 1);
        series.Add("ext4", 1, 1);
        series.Add("afs", 1, 5);
        Assert.Equal([5], series.RatiosOf("afs", "ext4"));
        Assert.Empty(series.RatiosOf("peer", "ext4"));
    }

    [Fact]
    public void A_goal_of_a_ratio_judges_the_median_ratio()
    {
        var measure = new Measure("read", Goal: Goal.Ratio(2));
        Assert.True(Filled(measure, control: [1, 1, 1], mount: [2, 2, 9]).IsMetBy("afs", "ext4"));
        Assert.False(Filled(measure, control: [1, 1, 1], mount: [1, 3, 3]).IsMetBy("afs", "ext4"));
    }

    [Fact]
    public void A_goal_of_a_value_needs_no_control()
    {
        Assert.True(Filled(new Measure("calls", Unit.Calls, Goal.AtMost(0)), control: [], mount: [0]).IsMetBy("afs", "ext4"));
        Assert.False(Filled(new Measure("calls", Unit.Calls, Goal.AtMost(0)), control: [], mount: [1]).IsMetBy("afs", "ext4"));
        Assert.False(Filled(new Measure("rate", Unit.Factor, Goal.AtLeast(10)), control: [], mount: [9]).IsMetBy("afs", "ext4"));
    }

    [Fact]
    public void What_was_not_measured_is_neither_met_nor_missed()
    {
        Assert.Null(Filled(new Measure("read", Goal: Goal.Ratio(2)), control: [1], mount: []).IsMetBy("afs", "ext4"));
        Assert.Null(Filled(new Measure("read"), control: [1], mount: [1]).IsMetBy("afs", "ext4"));
    }

    private static Series Filled(Measure measure, double[] control, double[] mount)
    {
        var series = new Series("work", measure);
        for (int run = 0; run < control.Length; run++)
            series.Add("ext4", run, control[run]);
        for (int run = 0; run < mount.Length; run++)
            series.Add("afs", run, mount[run]);
        return series;
    }
}
