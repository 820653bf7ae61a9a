using Afs.StubGenerator.Model;

namespace Afs.StubGenerator.Emit;

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
