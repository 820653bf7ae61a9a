using System.Buffers;
using System.Reflection;
using Afs.Rpc;
using Afs.Shared.Tests.Wire;
using Afs.Wire;

namespace Afs.Fuzz;

/// <summary>
/// Every message of both contracts, by the codec that is generated for it: the first byte says which, in the order of their names. And the dispatchers, to which
/// the second byte gives the message as a request.
/// </summary>
internal sealed class MessageTarget : Target
{
    private readonly Codec[] _codecs = [.. WireMessageTypes.All.Select(type => (Codec)Activator.CreateInstance(typeof(Codec<>).MakeGenericType(type))!)];
    private readonly IRpcDispatcher[] _dispatchers =
    [
        new ViceServiceDispatcher(DispatchProxy.Create<IViceService, NoAnswer>()),
        new VenusCallbacksDispatcher(DispatchProxy.Create<IVenusCallbacks, NoAnswer>()),
    ];
    private readonly ArrayBufferWriter<byte> _reply = new();

    public override string Name => "messages";

    public override string About => "the messages of both contracts, requests and replies, and the dispatchers";

    public override long ShortExecutions => 100_000;

    public override IReadOnlyList<byte[]> Words => [[0x90], [0x9F], [0xC0], [0xC4, 0], [0xC5, 1, 0], [0xDC, 0, 16], [0xDD, 0, 0, 1, 0], [0xCF, 0x7F, 255, 255, 255, 255, 255, 255, 255], [0xD9, 32]];

    public override IEnumerable<byte[]> Seeds()
    {
        var random = new RandomMessage(new Random(1));
        for (int i = 0; i < _codecs.Length; i++)
        {
            for (int instance = 0; instance < 3; instance++)
            {
                byte[] bytes = WireMessageTypes.Encode(random.Of(WireMessageTypes.All[i]));
                if (bytes.Length + 2 <= MostBytes)
                    yield return [(byte)i, 0, .. bytes];
            }
        }
    }

    public override bool Run(ReadOnlySpan<byte> input)
    {
        if (input.Length < 2)
            return false;
        if (input[1] >= 128)
            return Dispatch(input[0], _dispatchers[input[1] & 1], input[2..].ToArray());
        try
        {
            _codecs[input[0] % _codecs.Length].Run(input[2..]);
            return true;
        }
        catch (MalformedMessageException)
        {
            return false;
        }
    }

    private bool Dispatch(byte number, IRpcDispatcher dispatcher, byte[] request)
    {
        _reply.ResetWrittenCount();
        RpcOperation operation = dispatcher.Operations[number % dispatcher.Operations.Count];
        try
        {
            ValueTask<DispatchResult> result = dispatcher.DispatchAsync(operation.Number, request, default, _reply);
            Holds(result.IsCompleted, "Nothing is waited for.");
            Holds(result.Result.Kind == OutcomeKind.NotExecuted, "What the service answers is what the caller gets.");
            return true;
        }
        catch (MalformedMessageException)
        {
            return false;
        }
    }

    private abstract class Codec
    {
        public abstract void Run(ReadOnlySpan<byte> bytes);
    }

    private sealed class Codec<T> : Codec
        where T : IWireMessage<T>
    {
        private readonly ArrayBufferWriter<byte> _first = new(), _second = new();

        public override void Run(ReadOnlySpan<byte> bytes)
        {
            T message = WireCodec.FromBytes<T>(bytes.ToArray());
            _first.ResetWrittenCount();
            _second.ResetWrittenCount();
            WireCodec.Encode(_first, message);
            T again;
            try
            {
                again = WireCodec.FromBytes<T>(_first.WrittenMemory);
            }
            catch (MalformedMessageException e)
            {
                throw new BrokenPropertyException($"{typeof(T).Name}: what was accepted is written as something that is refused: {e.Message}");
            }
            WireCodec.Encode(_second, again);
            Holds(_first.WrittenSpan.SequenceEqual(_second.WrittenSpan), "What was accepted is written as the same, again and again.");
        }
    }

    /// <summary>Answers every call with the default outcome, which is NotExecuted.</summary>
    public class NoAnswer : DispatchProxy
    {
        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) => Activator.CreateInstance(targetMethod!.ReturnType);
    }
}
