using System.Globalization;
using Afs.StubGenerator.Model;
using Microsoft.CodeAnalysis;

namespace Afs.StubGenerator.Parse;

/// <summary>Reads which numbers an enumeration has.</summary>
internal static class EnumerationParser
{
    public static ValueModel Parse(INamedTypeSymbol type, string name)
    {
        SpecialType underlying = type.EnumUnderlyingType!.SpecialType;
        bool isUnsigned = underlying is SpecialType.System_Byte or SpecialType.System_UInt16 or SpecialType.System_UInt32 or SpecialType.System_UInt64;
        decimal[] values = [.. type.GetMembers().OfType<IFieldSymbol>()
            .Where(field => field.HasConstantValue)
            .Select(field => Convert.ToDecimal(field.ConstantValue, CultureInfo.InvariantCulture))
            .Distinct()
            .OrderBy(value => value)];
        var model = new EnumerationModel(
            type.Name,
            type.EnumUnderlyingType.ToDisplayString(),
            isUnsigned,
            new EquatableArray<string>([.. values.Select(Constant)]),
            type.Attribute("System.FlagsAttribute") is null ? null : Mask(values));
        return new ValueModel(ValueKind.Enumeration, name, ReadMethod(underlying), Enumeration: model);
    }

    private static string Mask(decimal[] values) =>
        Constant(values.Where(value => value >= 0).Aggregate(0ul, (mask, value) => mask | (ulong)value));

    private static string Constant(decimal value) => value.ToString(CultureInfo.InvariantCulture);

    private static string ReadMethod(SpecialType underlying) => underlying switch
    {
        SpecialType.System_Byte => "ReadByte",
        SpecialType.System_UInt16 => "ReadUInt16",
        SpecialType.System_UInt32 => "ReadUInt32",
        SpecialType.System_UInt64 => "ReadUInt64",
        SpecialType.System_SByte => "ReadSByte",
        SpecialType.System_Int16 => "ReadInt16",
        SpecialType.System_Int64 => "ReadInt64",
        _ => "ReadInt32",
    };
}
