namespace Afs.StubGenerator.Model;

/// <summary>A property with its key.</summary>
/// <param name="IsConstructorParameter">It is given to the primary constructor; else to an initializer.</param>
public sealed record FieldModel(string Name, int Key, ValueModel Value, bool IsConstructorParameter);
