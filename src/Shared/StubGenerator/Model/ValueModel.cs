namespace Afs.StubGenerator.Model;

/// <summary>The type of a field, an element or an identifier's content.</summary>
/// <param name="TypeName">Fully qualified, with its nullable annotation.</param>
/// <param name="ReadMethod">Numbers: the reader's method.</param>
/// <param name="IsNullableReference">A reference that may be nil.</param>
/// <param name="IsReferenceType">Messages: a class, which has no default that could stand for a missing one.</param>
/// <param name="Limit">Strings and byte arrays: bytes; lists: elements.</param>
/// <param name="Inner">The content of an identifier, a nullable value or a list.</param>
/// <param name="Enumeration">Enumerations: which numbers there are.</param>
public sealed record ValueModel(
    ValueKind Kind,
    string TypeName,
    string ReadMethod = "",
    bool IsNullableReference = false,
    bool IsReferenceType = false,
    int Limit = 0,
    ListForm Form = ListForm.Array,
    ValueModel? Inner = null,
    string ContentName = "",
    EnumerationModel? Enumeration = null);
