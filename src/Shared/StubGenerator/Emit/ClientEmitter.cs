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
