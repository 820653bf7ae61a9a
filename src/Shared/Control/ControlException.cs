namespace Afs.Control;

/// <summary>Why a command can't be done: one line for whoever gave it, and what the program ends with.</summary>
public class ControlException(ExitCode code, string message, Exception? inner = null) : Exception(message, inner)
{
    public ExitCode Code => code;
}
