using System.Buffers;
using System.Reflection;
using Afs.Rpc;
using Afs.Wire;

namespace Afs.Shared.Tests.Wire;

/// <summary>Garbage at the generated dispatchers: refused as malformed, or a call; never anything else.</summary>
public sealed class DispatcherFuzzTests
{
    [Fact]
    public async Task ViceRefusesGarbage() => await FuzzAsync(new ViceServiceDispatcher(DispatchProxy.Create<IViceService, NoAnswer>()));

    [Fact]
    public async Task VenusRefusesGarbage() => await FuzzAsync(new VenusCallbacksDispatcher(DispatchProxy.Create<IVenusCallbacks, NoAnswer>()));

    [Fact]
    public void OperationsRiseAndAreFound()
    {
        var dispatcher = new ViceServiceDispatcher(DispatchProxy.Create<IViceService, NoAnswer>());
        Assert.Equal(dispatcher.Operations.OrderBy(operation => operation.Number), dispatcher.Operations);
        Assert.All(dispatcher.Operations, operation => Assert.True(dispatcher.TryGetOperation(operation.Number, out RpcOperation found) && found == operation));
        Assert.False(dispatcher.TryGetOperation(0, out _));
    }

    private static async Task FuzzAsync(IRpcDispatcher dispatcher)
    {
        var random = new Random(1);
        int malformed = 0;
        foreach (RpcOperation operation in dispatcher.Operations)
        {
            for (int i = 0; i < 500; i++)
            {
                byte[] garbage = new byte[random.Next(0, 100)];
                random.NextBytes(garbage);
                if (garbage.Length > 0)
                    garbage[0] = (byte)(0x90 | random.Next(16));
                try
                {
                    DispatchResult result = await dispatcher.DispatchAsync(operation.Number, garbage, default, new ArrayBufferWriter<byte>());
                    Assert.Equal(OutcomeKind.NotExecuted, result.Kind);
                }
                catch (MalformedMessageException)
                {
                    malformed++;
                }
            }
        }

        Assert.True(malformed > dispatcher.Operations.Count * 400);
    }

    /// <summary>Answers every call with the default outcome, which is NotExecuted.</summary>
    public class NoAnswer : DispatchProxy
    {
        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) => Activator.CreateInstance(targetMethod!.ReturnType);
    }
}
