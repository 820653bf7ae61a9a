using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Text;

namespace Afs.StubGenerator.Model;

/// <summary>Where something stands in the source, without holding the compilation that it was read from.</summary>
public sealed record LocationModel(string Path, TextSpan Span, LinePositionSpan Lines)
{
    public static LocationModel? Of(ISymbol symbol)
    {
        Location? location = symbol.Locations.FirstOrDefault(l => l.IsInSource);
        return location is null ? null : new LocationModel(location.SourceTree!.FilePath, location.SourceSpan, location.GetLineSpan().Span);
    }

    public Location ToLocation() => Location.Create(Path, Span, Lines);
}
