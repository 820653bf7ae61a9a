namespace Afs.Rpc;

/// <summary>A record or readonly struct that travels as a MessagePack array; the stub generator writes its codec.</summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Struct)]
public sealed class WireMessageAttribute : Attribute;
