namespace Afs.Rpc;

/// <summary>An interface whose methods are remote calls. The stub generator writes its client stub and its dispatcher.</summary>
[AttributeUsage(AttributeTargets.Interface)]
public sealed class RpcServiceAttribute : Attribute;
