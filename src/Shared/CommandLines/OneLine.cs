namespace Afs.CommandLines;

/// <summary>Text for one line of a terminal. Names come from other people: nothing in them may act as a command to the terminal, or look like another line.</summary>
public static class OneLine
{
    /// <summary>Control characters become '?'.</summary>
    public static string Of(string? text) => string.Create(text?.Length ?? 0, text, static (safe, text) =>
    {
        for (int i = 0; i < safe.Length; i++)
            safe[i] = char.IsControl(text![i]) ? '?' : text[i];
    });
}
