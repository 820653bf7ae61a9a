using System.Diagnostics;

namespace Afs.Venus.Hosting;

/// <summary>Starting this program again with the same arguments and some more.</summary>
internal static class SelfStart
{
    /// <exception cref="HostingException">The path of this program isn't known.</exception>
    public static ProcessStartInfo Make()
    {
        string program = Environment.ProcessPath ?? throw new HostingException(ExitCode.Failed, "The path of this program isn't known.");
        var start = new ProcessStartInfo(program);
        string[] arguments = Environment.GetCommandLineArgs();
        bool isUnderDotnet = Path.GetFileNameWithoutExtension(program) == "dotnet";
        foreach (string argument in isUnderDotnet ? arguments : arguments.Skip(1))
            start.ArgumentList.Add(argument);
        return start;
    }
}
