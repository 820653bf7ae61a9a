using System.CommandLine;
using System.Globalization;

namespace Afs.CommandLines;

/// <summary>Bounds of numbers.</summary>
public static class OptionRange
{
    /// <summary>The option refuses what is below <paramref name="least"/> or above <paramref name="most"/>, and what is no number at all.</summary>
    public static Option<T> Within<T>(this Option<T> option, T least, T most)
        where T : struct, IComparable<T>, IParsable<T>
    {
        Bound(option, least, most);
        return option;
    }

    /// <inheritdoc cref="Within{T}(Option{T}, T, T)"/>
    public static Option<T?> Within<T>(this Option<T?> option, T least, T most)
        where T : struct, IComparable<T>, IParsable<T>
    {
        Bound(option, least, most);
        return option;
    }

    private static void Bound<T>(Option option, T least, T most)
        where T : struct, IComparable<T>, IParsable<T>
    {
        option.Validators.Add(result =>
        {
            // What can't be parsed is refused by its type.
            if (result.Tokens is [var token] && T.TryParse(token.Value, CultureInfo.InvariantCulture, out T value) && !IsWithin(value, least, most))
                result.AddError(string.Create(CultureInfo.InvariantCulture, $"{option.Name} must be from {least} to {most}, not {token.Value}."));
        });
    }

    /// <summary>NaN lies below everything.</summary>
    private static bool IsWithin<T>(T value, T least, T most)
        where T : IComparable<T> => value.CompareTo(least) >= 0 && value.CompareTo(most) <= 0;
}
