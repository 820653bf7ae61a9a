namespace Afs.StubGenerator.Model;

/// <summary>An enumeration: a number that it doesn't have is refused.</summary>
/// <param name="Values">Distinct, rising, as C# constants.</param>
/// <param name="FlagsMask">With <c>[Flags]</c>: all bits, as a C# constant; else null.</param>
public sealed record EnumerationModel(string Name, string UnderlyingType, bool IsUnsigned, EquatableArray<string> Values, string? FlagsMask);
