namespace Afs.StubGenerator.Model;

/// <summary>A message whose codec is written.</summary>
/// <param name="Declaration">The kind of type: class, record, struct, record struct.</param>
/// <param name="Fields">By rising key.</param>
/// <param name="ConstructorArguments">Names of fields in the constructor's order.</param>
public sealed record MessageModel(
    string Namespace,
    string Name,
    string Declaration,
    EquatableArray<FieldModel> Fields,
    EquatableArray<string> ConstructorArguments)
{
    public int KnownCount => Fields.Count == 0 ? 0 : Fields[Fields.Count - 1].Key + 1;
}
