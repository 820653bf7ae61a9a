using System.CommandLine;

namespace Afs.Venus.Hosting;

/// <summary>The options of `venus mount` that concern supervision.</summary>
internal static class SupervisedOptions
{
    public static readonly Option<bool> Supervised = new("--supervised")
    {
        Description = "Keep the mount, and what is open in it, when the daemon dies: a supervisor starts another, which takes over. Root only.",
    };

    /// <summary>Marks the daemon that a supervisor starts; not for users.</summary>
    public static readonly Option<string?> Child = new("--supervised-child") { Hidden = true };
}
