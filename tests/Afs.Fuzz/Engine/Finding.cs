using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace Afs.Fuzz;

/// <summary>An input that breaks a property, and how. Of one kind one is enough.</summary>
/// <param name="Kind">The same for all inputs that fail in the same place in the same way.</param>
internal sealed partial record Finding(string Target, string Kind, string Text, byte[] Input)
{
    private const int FramesOfKind = 3;

    public static Finding Of(string target, Exception failure, byte[] input)
    {
        IEnumerable<string> frames = (failure.StackTrace ?? "").Split('\n').Select(static line => line.Trim()).Where(static line => line.Contains("Afs.", StringComparison.Ordinal));
        string kind = failure.GetType().Name + Digits().Replace(failure.Message, "#") + string.Concat(frames.Take(FramesOfKind));
        return new Finding(target, Hash(kind), failure.ToString(), input);
    }

    /// <summary>The process ended on it.</summary>
    public static Finding Of(string target, string end, string output, byte[] input) => new(target, Hash(end), $"{end}\n{output}", input);

    /// <summary>Writes the input and what is wrong with it beside each other; the path of the input. Null: there is one of this kind already.</summary>
    public string? Save(string folder)
    {
        string file = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{Target}-{Kind}.bin"));
        if (File.Exists(file))
            return null;
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.ChangeExtension(file, "txt"), $"scripts/fuzz {Target} --replay {file}\n\n{Text}\n");
        File.WriteAllBytes(file, Input);
        return file;
    }

    private static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)).AsSpan(0, 4));

    [GeneratedRegex("[0-9]+")]
    private static partial Regex Digits();
}
