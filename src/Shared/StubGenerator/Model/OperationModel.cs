namespace Afs.StubGenerator.Model;

/// <summary>A remote call. Types are fully qualified.</summary>
public sealed record OperationModel(string MethodName, int Number, bool IsMutation, string RequestType, string ReplyType)
{
    /// <summary>As logs and statistics show it.</summary>
    public string Name => MethodName.Substring(0, MethodName.Length - "Async".Length);
}
