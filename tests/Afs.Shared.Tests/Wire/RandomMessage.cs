using System.Reflection;
using System.Runtime.CompilerServices;
using Afs.Rpc;

namespace Afs.Shared.Tests.Wire;

/// <summary>Makes random instances of message types, within their limits.</summary>
internal sealed class RandomMessage(Random random)
{
    private const int MostElements = 5;

    private readonly NullabilityInfoContext _nullability = new();

    public object Of(Type type)
    {
        PropertyInfo[] fields = [.. type.GetProperties().Where(property => property.GetCustomAttribute<KeyAttribute>() is not null)];
        object message = RuntimeHelpers.GetUninitializedObject(type);
        foreach (PropertyInfo field in fields)
            field.SetValue(message, Field(field));
        return message;
    }

    private object? Field(PropertyInfo field)
    {
        LimitAttribute? limit = field.GetCustomAttribute<LimitAttribute>();
        NullabilityInfo nullability = _nullability.Create(field);
        if (nullability.ReadState == NullabilityState.Nullable && random.Next(3) == 0)
            return null;
        bool elementIsNullable = (nullability.ElementType ?? nullability.GenericTypeArguments.FirstOrDefault())?.ReadState == NullabilityState.Nullable;
        return Value(field.PropertyType, limit?.Most ?? 0, limit?.Each ?? 0, elementIsNullable);
    }

    private object? Value(Type type, int most, int each, bool elementIsNullable)
    {
        if (Nullable.GetUnderlyingType(type) is { } inner)
            return Value(inner, most, each, false);
        if (type.IsEnum)
            return Enumeration(type);
        if (type == typeof(string))
            return Text(most);
        if (type == typeof(byte[]))
            return Bytes(most);
        if (type == typeof(ReadOnlyMemory<byte>))
            return new ReadOnlyMemory<byte>(Bytes(most));
        if (type.IsPrimitive)
            return Number(type);
        if (type.IsArray || type.IsGenericType)
            return List(type.IsArray ? type.GetElementType()! : type.GetGenericArguments()[0], most, each, elementIsNullable);
        if (type.GetCustomAttribute<WireMessageAttribute>() is not null)
            return Of(type);
        ParameterInfo content = type.GetConstructors().Single(c => c.GetParameters().Length == 1).GetParameters()[0];
        return Activator.CreateInstance(type, Value(content.ParameterType, most, each, false));
    }

    private Array List(Type element, int most, int each, bool elementIsNullable)
    {
        var list = Array.CreateInstance(element, random.Next(Math.Min(most, MostElements) + 1));
        for (int i = 0; i < list.Length; i++)
            list.SetValue(elementIsNullable && random.Next(3) == 0 ? null : Value(element, each, 0, false), i);
        return list;
    }

    private object Enumeration(Type type)
    {
        Array values = Enum.GetValues(type);
        return values.GetValue(random.Next(values.Length))!;
    }

    private string Text(int most) => new([.. Enumerable.Range(0, random.Next(Math.Min(most / 4, 80) + 1)).Select(_ => (char)random.Next(32, 0x2000))]);

    private byte[] Bytes(int most)
    {
        byte[] bytes = new byte[random.Next(Math.Min(most, 400) + 1)];
        random.NextBytes(bytes);
        return bytes;
    }

    /// <summary>Of any size of bits, so that every encoding occurs.</summary>
    private object Number(Type type)
    {
        if (type == typeof(bool))
            return random.Next(2) == 0;
        long bits = random.NextInt64() >> random.Next(64);
        ulong value = random.Next(2) == 0 ? (ulong)bits : (ulong)~bits;
        return type == typeof(ulong) ? value
            : type == typeof(long) ? (long)value
            : type == typeof(uint) ? (uint)value
            : type == typeof(int) ? (int)value
            : type == typeof(ushort) ? (ushort)value
            : type == typeof(short) ? (short)value
            : type == typeof(sbyte) ? (sbyte)value
            : (object)(byte)value;
    }
}
