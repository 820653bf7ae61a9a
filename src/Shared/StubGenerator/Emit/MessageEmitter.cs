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
        code.Open($"public static void Encode(ref {Types.Rpc}.MessagePackWriter writer, {message.Name} message)");
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
        code.Open($"public static {message.Name} Decode(ref {Types.Rpc}.MessagePackReader reader)");
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
