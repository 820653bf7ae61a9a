using Afs.StubGenerator.Model;

namespace Afs.StubGenerator.Emit;

/// <summary>Writes a message's codec: a MessagePack array, each field at its key's place, nil in the gaps.</summary>
internal static class MessageEmitter
{
    public static string Emit(MessageModel message)
    {
        var code = new CodeWriter();
        code.Header(message.Namespace);
        code.Open($"partial {message.Declaration.Trim()} {message.Name} : {Types.Rpc}.IWireMessage<{message.Name}>");
        EmitEncode(code, message);
        code.Line();
        EmitDecode(code, message);
        code.Close();
        return code.ToString();
    }

    private static void EmitEncode(CodeWriter code, MessageModel message)
    {
        code.Open($"public static void Encode(ref {Types.Rpc}.WireWriter writer, {message.Name} message)");
        code.Line($"writer.WriteArrayHeader({message.KnownCount});");
        var encoder = new ValueEncoder(code);
        int next = 0;
        foreach (FieldModel field in message.Fields)
        {
            for (; next < field.Key; next++)
                code.Line("writer.WriteNil();");
            encoder.Emit(field.Value, $"message.{field.Name}");
            next = field.Key + 1;
        }

        code.Close();
    }

    private static void EmitDecode(CodeWriter code, MessageModel message)
    {
        var decoder = new ValueDecoder();
        code.Open($"public static {message.Name} Decode(ref {Types.Rpc}.WireReader reader)");
        code.Line("int count = reader.BeginMessage();");
        int next = 0;
        foreach (FieldModel field in message.Fields)
        {
            for (; next < field.Key; next++)
                code.Line($"if (count > {next}) reader.Skip();");
            code.Line($"{field.Value.TypeName} field{field.Key};");
            code.Line($"if (count > {field.Key}) field{field.Key} = {decoder.Expression(field.Value, field.Name)};");
            code.Line(Types.MissingExpression(field.Value) is { } missing
                ? $"else field{field.Key} = {missing};"
                : $"else throw reader.Missing(\"{message.Name}\", \"{field.Name}\");");
            next = field.Key + 1;
        }

        code.Line($"reader.EndMessage(count, {message.KnownCount});");
        code.Line($"return {Construction(message)};");
        code.Close();
        decoder.EmitMethods(code);
    }

    private static string Construction(MessageModel message)
    {
        IEnumerable<string> arguments = message.ConstructorArguments
            .Select(name => $"field{message.Fields.First(field => field.IsConstructorParameter && field.Name == name).Key}");
        string[] initializers = [.. message.Fields
            .Where(field => !field.IsConstructorParameter)
            .Select(field => $"{field.Name} = field{field.Key}")];
        string initializer = initializers.Length == 0 ? "" : $" {{ {string.Join(", ", initializers)} }}";
        return $"new {message.Name}({string.Join(", ", arguments)}){initializer}";
    }
}

/// <summary>Writes the statements that encode one value.</summary>
internal sealed class ValueEncoder(CodeWriter code)
{
    private int _locals;

    public void Emit(ValueModel value, string expression)
    {
        if (value.IsNullableReference || value.Kind == ValueKind.NullableValue)
        {
            string local = Local("value");
            code.Open($"if ({expression} is {{ }} {local})");
            EmitPresent(value.Kind == ValueKind.NullableValue ? value.Inner! : value, local);
            code.Close();
            code.Line("else");
            code.Line("    writer.WriteNil();");
            return;
        }

        EmitPresent(value, expression);
    }

    private void EmitPresent(ValueModel value, string expression)
    {
        switch (value.Kind)
        {
            case ValueKind.Boolean: code.Line($"writer.Write({expression});"); break;
            case ValueKind.Unsigned: code.Line($"writer.Write((ulong){expression});"); break;
            case ValueKind.Signed: code.Line($"writer.Write((long){expression});"); break;
            case ValueKind.Enumeration: code.Line($"writer.Write(({(value.Enumeration!.IsUnsigned ? "ulong" : "long")}){expression});"); break;
            case ValueKind.String or ValueKind.ByteArray: code.Line($"writer.Write({expression}, {value.Limit});"); break;
            case ValueKind.ByteMemory: code.Line($"writer.Write({expression}.Span, {value.Limit});"); break;
            case ValueKind.Message: code.Line($"{Types.NotNull(value)}.Encode(ref writer, {expression});"); break;
            case ValueKind.Identifier: Emit(value.Inner!, $"{expression}.{value.ContentName}"); break;
            case ValueKind.NullableValue: Emit(value, expression); break;
            case ValueKind.List: EmitList(value, expression); break;
        }
    }

    private void EmitList(ValueModel list, string expression)
    {
        string index = Local("i");
        string count = list.Form == ListForm.ReadOnlyList ? "Count" : "Length";
        code.Line($"writer.WriteListHeader({expression}.{count}, {list.Limit});");
        code.Open($"for (int {index} = 0; {index} < {expression}.{count}; {index}++)");
        Emit(list.Inner!, $"{expression}[{index}]");
        code.Close();
    }

    private string Local(string name) => $"{name}{_locals++}";
}

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
        code.Open($"private static {value.TypeName} {method}(ref {Types.Rpc}.WireReader reader)");
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
        code.Open($"private static {type}[] {method}(ref {Types.Rpc}.WireReader reader)");
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
