namespace Afs.Rpc;

/// <summary>What is known of an operation before its request is decoded.</summary>
public readonly record struct RpcOperation(int Number, string Name, bool IsMutation);
