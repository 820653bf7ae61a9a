using System.Globalization;
using Microsoft.Extensions.Logging;

namespace Afs.Daemons;

/// <summary>How a line of a daemon's log begins.</summary>
public static class LogLine
{
    /// <summary>What stands before the text.</summary>
    public static string Begin(LogForm form, LogLevel level, DateTimeOffset time) => form switch
    {
        LogForm.Terminal => "",
        LogForm.Journal => $"<{PriorityOf(level)}>",
        LogForm.File => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z '", CultureInfo.InvariantCulture) + NameOf(level),
        _ => throw new ArgumentOutOfRangeException(nameof(form), form, null),
    };

    /// <summary>syslog(3)'s priorities.</summary>
    private static int PriorityOf(LogLevel level) => level switch
    {
        LogLevel.Critical => 2,
        LogLevel.Error => 3,
        LogLevel.Warning => 4,
        LogLevel.Information => 6,
        _ => 7,
    };

    private static string NameOf(LogLevel level) => level switch
    {
        LogLevel.Critical => "critical ",
        LogLevel.Error => "error ",
        LogLevel.Warning => "warning ",
        LogLevel.Information => "info ",
        _ => "debug ",
    };
}
