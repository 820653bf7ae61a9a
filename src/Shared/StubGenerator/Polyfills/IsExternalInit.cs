namespace System.Runtime.CompilerServices;

/// <summary>netstandard2.0 lacks it; the compiler wants it for init properties and records.</summary>
internal static class IsExternalInit;
