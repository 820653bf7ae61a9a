namespace Afs.StubGenerator.Model;

/// <summary>What was read from one declaration: a model, or findings that say why there is none.</summary>
public sealed record ParseResult<TModel>(TModel? Model, EquatableArray<DiagnosticModel> Diagnostics)
    where TModel : class, IEquatable<TModel>;
