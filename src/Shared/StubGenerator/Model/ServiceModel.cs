namespace Afs.StubGenerator.Model;

/// <summary>An interface of remote calls.</summary>
/// <param name="Operations">By rising number.</param>
public sealed record ServiceModel(string Namespace, string InterfaceName, bool IsPublic, EquatableArray<OperationModel> Operations)
{
    /// <summary>The interface's name without its I.</summary>
    public string Name => InterfaceName.Substring(1);

    public string Accessibility => IsPublic ? "public" : "internal";
}
