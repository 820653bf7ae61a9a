using Afs.StubGenerator.Diagnostics;
using Afs.StubGenerator.Model;
using Microsoft.CodeAnalysis;

namespace Afs.StubGenerator.Parse;

/// <summary>A property's limits, handed out to the parts of its type that want one; what is left over bounds nothing.</summary>
internal sealed class LimitReader
{
    private readonly IPropertySymbol _property;
    private readonly List<DiagnosticModel> _findings;
    private int? _most;
    private int? _each;

    public LimitReader(IPropertySymbol property, List<DiagnosticModel> findings)
    {
        (_property, _findings) = (property, findings);
        if (property.Attribute(KnownNames.Limit) is not { } attribute)
            return;
        _most = attribute.ConstructorArguments.FirstOrDefault().Value as int?;
        _each = attribute.NamedArguments.FirstOrDefault(argument => argument.Key == "Each").Value.Value as int?;
        foreach (int limit in new[] { _most, _each }.OfType<int>().Where(limit => limit <= 0))
            Find(Descriptors.LimitRange, limit.ToString());
    }

    /// <summary>The limit of the field itself, or of its elements.</summary>
    public int Take(bool isElement)
    {
        int? limit = isElement ? _each : _most;
        if (limit is null)
            Find(Descriptors.LimitMissing, isElement ? "[Limit(n, Each = m)] with a bound for each element" : "[Limit(n)]");
        if (isElement)
            _each = null;
        else
            _most = null;
        return limit ?? 1;
    }

    /// <summary>To be called when the whole type was read.</summary>
    public void RequireAllTaken()
    {
        if (_most is not null)
            Find(Descriptors.LimitMisplaced, "the type has no length");
        if (_each is not null)
            Find(Descriptors.LimitMisplaced, "Each is for lists of strings or byte arrays");
    }

    private void Find(DiagnosticDescriptor descriptor, string argument) =>
        _findings.Add(DiagnosticModel.Of(descriptor, _property, _property.ContainingType.Name, _property.Name, argument));
}
