namespace Afs.Vice.Hosting;

/// <summary>What vice ends with; its help and vice(8) list them.</summary>
public static class ExitCode
{
    public const int Ok = 0;

    /// <summary>salvage and scrub: there are problems. status: the server didn't answer.</summary>
    public const int Problems = 1;

    /// <summary>The command line or the configuration file is wrong.</summary>
    public const int Usage = 2;

    /// <summary>The data, an address or a certificate can't be used. One line says why.</summary>
    public const int CannotStart = 3;

    /// <summary>The server met a broken invariant, or its disk failed so that it can't go on.</summary>
    public const int Failed = 4;
}
