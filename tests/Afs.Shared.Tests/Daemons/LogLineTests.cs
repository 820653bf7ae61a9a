using Afs.Daemons;
using Microsoft.Extensions.Logging;

namespace Afs.Shared.Tests.Daemons;

public sealed class LogLineTests
{
    private static readonly DateTimeOffset Time = new(2031, 2, 3, 4, 5, 6, 789, TimeSpan.FromHours(1));

    [Theory]
    [InlineData(LogForm.Terminal, LogLevel.Warning, "")]
    [InlineData(LogForm.Journal, LogLevel.Critical, "<2>")]
    [InlineData(LogForm.Journal, LogLevel.Warning, "<4>")]
    [InlineData(LogForm.Journal, LogLevel.Debug, "<7>")]
    [InlineData(LogForm.File, LogLevel.Information, "2031-02-03T03:05:06.789Z info ")]
    public void A_line_begins_as_its_reader_wants_it(LogForm form, LogLevel level, string begin) => Assert.Equal(begin, LogLine.Begin(form, level, Time));
}
