using Afs.StubGenerator.Model;

namespace Afs.StubGenerator.Emit;

/// <summary>Writes a service's client stub: the interface over a channel.</summary>
internal static class ClientEmitter
{
    public static string Emit(ServiceModel service)
    {
        var code = new CodeWriter();
        code.Header(service.Namespace);
        code.Line($"/// <summary>Calls <see cref=\"{service.InterfaceName}\"/> over a channel.</summary>");
        code.Open($"{service.Accessibility} sealed class {service.Name}Client({Types.Rpc}.IRpcChannel channel) : {service.InterfaceName}");
        bool isFirst = true;
        foreach (OperationModel operation in service.Operations)
        {
            if (!isFirst)
                code.Line();
            isFirst = false;
            code.Line("/// <inheritdoc/>");
            code.Line($"public global::System.Threading.Tasks.ValueTask<{Types.Rpc}.Outcome<{operation.ReplyType}>> {operation.MethodName}({operation.RequestType} request, {Types.Rpc}.CallContext context) =>");
            code.Line($"    channel.CallAsync<{operation.RequestType}, {operation.ReplyType}>({operation.Number}, {(operation.IsMutation ? "true" : "false")}, request, context);");
        }

        code.Close();
        return code.ToString();
    }
}

/// <summary>Writes a service's dispatcher: from numbers and bytes to the interface.</summary>
internal static class DispatcherEmitter
{
    public static string Emit(ServiceModel service)
    {
        var code = new CodeWriter();
        code.Header(service.Namespace);
        code.Line($"/// <summary>Answers calls by an <see cref=\"{service.InterfaceName}\"/>.</summary>");
        code.Open($"{service.Accessibility} sealed class {service.Name}Dispatcher({service.InterfaceName} service) : {Types.Rpc}.IRpcDispatcher");
        EmitOperations(code, service);
        EmitDispatch(code, service);
        code.Close();
        return code.ToString();
    }

    private static void EmitOperations(CodeWriter code, ServiceModel service)
    {
        code.Line($"private static readonly {Types.Rpc}.RpcOperation[] All =");
        code.Line("[");
        foreach (OperationModel operation in service.Operations)
            code.Line($"    new({operation.Number}, \"{operation.Name}\", {(operation.IsMutation ? "true" : "false")}),");
        code.Line("];");
        code.Line();
        code.Line("/// <summary>What there is to call, for who has no service to ask.</summary>");
        code.Line($"public static global::System.Collections.Generic.IReadOnlyList<{Types.Rpc}.RpcOperation> AllOperations => All;");
        code.Line();
        code.Line("/// <inheritdoc/>");
        code.Line($"public global::System.Collections.Generic.IReadOnlyList<{Types.Rpc}.RpcOperation> Operations => All;");
        code.Line();
        code.Open($"/// <inheritdoc/>\n    public bool TryGetOperation(int number, out {Types.Rpc}.RpcOperation operation)");
        code.Open("switch (number)");
        for (int i = 0; i < service.Operations.Count; i++)
            code.Line($"case {service.Operations[i].Number}: operation = All[{i}]; return true;");
        code.Line("default: operation = default; return false;");
        code.Close();
        code.Close();
        code.Line();
    }

    private static void EmitDispatch(CodeWriter code, ServiceModel service)
    {
        code.Line("/// <inheritdoc/>");
        code.Line($"public global::System.Threading.Tasks.ValueTask<{Types.Rpc}.DispatchResult> DispatchAsync(int operation, global::System.ReadOnlyMemory<byte> request, {Types.Rpc}.CallContext context, global::System.Buffers.IBufferWriter<byte> reply) => operation switch");
        code.Line("{");
        foreach (OperationModel operation in service.Operations)
        {
            code.Line($"    {operation.Number} => {Types.Rpc}.RpcDispatch.CompleteAsync(service.{operation.MethodName}({Types.Rpc}.WireCodec.FromBytes<{operation.RequestType}>(request), context), reply),");
        }

        code.Line("    _ => throw new global::System.ArgumentOutOfRangeException(nameof(operation), operation, \"no such operation\"),");
        code.Line("};");
    }
}
