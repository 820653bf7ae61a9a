using Afs.StubGenerator.Model;

namespace Afs.StubGenerator.Emit;

/// <summary>Gives the expression that decodes one value; what takes more than an expression becomes a private method of the message.</summary>
internal sealed class ValueDecoder
{
    private readonly SortedDictionary<string, Action<CodeWriter>> _methods = new(StringComparer.Ordinal);

    public string Expression(ValueModel value, string fieldName)
    {
        string present = Present(value, fieldName);
        if (value.Kind == ValueKind.NullableValue)
            return $"reader.TryReadNil() ? ({value.TypeName})null : {Expression(value.Inner!, fieldName)}";
        return value.IsNullableReference ? $"reader.TryReadNil() ? ({value.TypeName})null : {present}" : present;
    }

    public void EmitMethods(CodeWriter code)
    {
        foreach (Action<CodeWriter> emit in _methods.Values)
        {
            code.Line();
            emit(code);
        }
    }

    private string Present(ValueModel value, string fieldName) => value.Kind switch
    {
        ValueKind.Boolean or ValueKind.Unsigned or ValueKind.Signed => $"reader.{value.ReadMethod}()",
        ValueKind.String => $"reader.ReadString({value.Limit})",
        ValueKind.ByteArray or ValueKind.ByteMemory => $"reader.ReadBytes({value.Limit})",
        ValueKind.Message => $"{Types.NotNull(value)}.Decode(ref reader)",
        ValueKind.Identifier => $"new {value.TypeName}({Expression(value.Inner!, fieldName)})",
        ValueKind.Enumeration => Enumeration(value),
        ValueKind.List => List(value, fieldName),
        _ => "",
    };

    private string Enumeration(ValueModel value)
    {
        string method = $"Read{value.Enumeration!.Name}";
        _methods[method] = code => EmitEnumeration(code, method, value, value.Enumeration);
        return $"{method}(ref reader)";
    }

    private static void EmitEnumeration(CodeWriter code, string method, ValueModel value, EnumerationModel enumeration)
    {
        code.Open($"private static {value.TypeName} {method}(ref {Types.Rpc}.MessagePackReader reader)");
        code.Line($"{enumeration.UnderlyingType} number = reader.{value.ReadMethod}();");
        string isDefined = enumeration.FlagsMask is { } mask
            ? $"(number & ~({enumeration.UnderlyingType}){mask}) == 0"
            : enumeration.Values.Count == 0 ? "false" : $"number is {string.Join(" or ", enumeration.Values)}";
        code.Line($"return {isDefined} ? ({value.TypeName})number : throw reader.Undefined(\"{enumeration.Name}\", (long)number);");
        code.Close();
    }

    private string List(ValueModel list, string fieldName)
    {
        string method = $"Read{fieldName}";
        string element = Expression(list.Inner!, fieldName);
        _methods[method] = code => EmitList(code, method, list, element);
        string call = $"{method}(ref reader)";
        return list.Form == ListForm.ImmutableArray
            ? $"global::System.Runtime.InteropServices.ImmutableCollectionsMarshal.AsImmutableArray({call})"
            : call;
    }

    private static void EmitList(CodeWriter code, string method, ValueModel list, string element)
    {
        string type = list.Inner!.TypeName;
        code.Open($"private static {type}[] {method}(ref {Types.Rpc}.MessagePackReader reader)");
        code.Line($"int count = reader.BeginList({list.Limit});");
        code.Line($"var list = count == 0 ? global::System.Array.Empty<{type}>() : new {NewArray(type)};");
        code.Open("for (int i = 0; i < count; i++)");
        code.Line($"list[i] = {element};");
        code.Close();
        code.Line("reader.EndList();");
        code.Line("return list;");
        code.Close();
    }

    /// <summary>An array of arrays has its length in the first brackets.</summary>
    private static string NewArray(string elementType)
    {
        int brackets = elementType.IndexOf("[]", StringComparison.Ordinal);
        return brackets < 0 ? $"{elementType}[count]" : elementType.Insert(brackets, "[count]");
    }
}
