using Afs.StubGenerator.Diagnostics;
using Microsoft.CodeAnalysis;

namespace Afs.StubGenerator.Model;

/// <summary>A finding, by the id of its descriptor, so that it compares by value.</summary>
public sealed record DiagnosticModel(string Id, LocationModel? Location, EquatableArray<string> Arguments)
{
    public static DiagnosticModel Of(DiagnosticDescriptor descriptor, ISymbol where, params string[] arguments) =>
        new(descriptor.Id, LocationModel.Of(where), new EquatableArray<string>(arguments));

    public Diagnostic ToDiagnostic() =>
        Diagnostic.Create(Descriptors.ById(Id), Location?.ToLocation(), [.. Arguments]);
}
