namespace Afs.Daemons;

/// <summary>Who reads a daemon's log, and so how its lines begin.</summary>
public enum LogForm
{
    /// <summary>A terminal: the text alone.</summary>
    Terminal,

    /// <summary>systemd's journal, which keeps the time: the priority in angle brackets, as sd-daemon(3) says.</summary>
    Journal,

    /// <summary>A file or a pipe: time in UTC and level.</summary>
    File,
}
