using Microsoft.Extensions.Logging;

namespace Afs.Rpc;

/// <summary>
/// Which of the log's lines that a peer causes are told: the first of a host, and after that one a minute with the number of those that were left out. So nobody fills the log from outside.
/// Lines of different kinds stand in each other's way only where they have no kind. Safe for concurrent use.
/// </summary>
public sealed class PeerWarnings(TimeProvider time)
{
    /// <summary>Hosts, or kinds of them, that are known at a time; of more the oldest are forgotten, with what they left out.</summary>
    public const int MostHosts = 1024;

    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private readonly Dictionary<(string Host, string Kind), (long ToldAt, long LeftOut)> _hosts = [];

    /// <summary>True: tell it, with <paramref name="more"/> behind it, which says how many were left out.</summary>
    public bool MayTell(string host, out string more) => MayTell(host, kind: "", out more);

    /// <param name="kind">What the line is about; the lines of each kind are counted by themselves.</param>
    public bool MayTell(string host, string kind, out string more)
    {
        more = "";
        (string, string) about = (host, kind);
        lock (_lock)
        {
            if (_hosts.TryGetValue(about, out (long ToldAt, long LeftOut) known) && time.GetElapsedTime(known.ToldAt) < Interval)
            {
                _hosts[about] = known with { LeftOut = known.LeftOut + 1 };
                return false;
            }

            if (known.LeftOut > 0)
                more = $"; {known.LeftOut} more lines about {host} were left out before";
            if (!_hosts.ContainsKey(about) && _hosts.Count >= MostHosts)
                _hosts.Remove(_hosts.MinBy(static pair => pair.Value.ToldAt).Key);
            _hosts[about] = (time.GetTimestamp(), 0);
            return true;
        }
    }
}

/// <summary>A log for what others write of a peer's doings: of each kind of line (<see cref="EventId"/>) one a minute, with the number of those that were left out.</summary>
/// <param name="about">Whose lines they are.</param>
public sealed class LimitedLog(ILogger log, PeerWarnings warnings, string about) : ILogger
{
    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => log.BeginScope(state);

    public bool IsEnabled(LogLevel logLevel) => log.IsEnabled(logLevel);

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (log.IsEnabled(logLevel) && warnings.MayTell(about, $"{eventId.Id} {eventId.Name}", out string more))
            log.Log(logLevel, eventId, state, exception, (what, why) => formatter(what, why) + more);
    }
}
