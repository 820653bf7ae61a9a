using System.Text;

namespace Afs.Cli;

/// <summary>Names come from other people: on a terminal nothing in them may act as a command to it.</summary>
internal static class SafeText
{
    /// <summary>Control characters become '?'.</summary>
    public static string Of(string? text)
    {
        var safe = new StringBuilder(text);
        for (int i = 0; i < safe.Length; i++)
        {
            if (char.IsControl(safe[i]))
                safe[i] = '?';
        }
        return safe.ToString();
    }
}
