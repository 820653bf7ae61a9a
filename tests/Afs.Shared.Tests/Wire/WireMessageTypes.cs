using System.Reflection;
using Afs.Rpc;
using Afs.Wire;

namespace Afs.Shared.Tests.Wire;

/// <summary>Every message type of the contract, and how to encode and decode one by its type.</summary>
internal static class WireMessageTypes
{
    public static IReadOnlyList<Type> All { get; } =
        [.. typeof(Fid).Assembly.GetTypes().Where(type => type.GetCustomAttribute<WireMessageAttribute>() is not null).OrderBy(type => type.FullName)];

    public static byte[] Encode(object message) =>
        (byte[])typeof(WireCodec).GetMethod(nameof(WireCodec.ToBytes))!.MakeGenericMethod(message.GetType()).Invoke(null, [message])!;

    /// <exception cref="MalformedMessageException">The bytes are malformed.</exception>
    public static object Decode(Type type, byte[] bytes) => Decoders[type](bytes);

    private static readonly Dictionary<Type, Func<byte[], object>> Decoders = All.ToDictionary(
        type => type,
        type => (Func<byte[], object>)typeof(WireMessageTypes).GetMethod(nameof(DecodeAs), BindingFlags.Static | BindingFlags.NonPublic)!
            .MakeGenericMethod(type).CreateDelegate(typeof(Func<byte[], object>)));

    private static object DecodeAs<T>(byte[] bytes)
        where T : IWireMessage<T> => WireCodec.FromBytes<T>(bytes);
}
