using Afs.StubGenerator.Model;

namespace Afs.StubGenerator.Emit;

/// <summary>How generated code names types, and what stands for a field that a short message lacks.</summary>
internal static class Types
{
    public const string Rpc = "global::Afs.Rpc";

    public static string NotNull(ValueModel value) => value.TypeName.TrimEnd('?');

    /// <summary>Null where nothing can stand for the missing field.</summary>
    public static string? MissingExpression(ValueModel value) => value.Kind switch
    {
        _ when value.IsNullableReference || value.Kind == ValueKind.NullableValue => "null",
        ValueKind.String => "\"\"",
        ValueKind.ByteArray => "global::System.Array.Empty<byte>()",
        ValueKind.List when value.Form == ListForm.ImmutableArray => $"{value.TypeName}.Empty",
        ValueKind.List => $"global::System.Array.Empty<{value.Inner!.TypeName}>()",
        ValueKind.Message when value.IsReferenceType => null,
        ValueKind.Identifier when MissingExpression(value.Inner!) is { } inner => $"new {value.TypeName}({inner})",
        _ => "default",
    };
}
