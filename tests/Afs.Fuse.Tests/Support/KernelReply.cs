namespace Afs.Fuse.Tests.Support;

/// <summary>What the session wrote for one request.</summary>
internal readonly record struct KernelReply(ulong Unique, Errno Error, byte[] Payload);
