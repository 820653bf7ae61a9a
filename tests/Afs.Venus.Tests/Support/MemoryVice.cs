using System.Text;
using Afs.Rpc;
using Afs.Venus.Callbacks;
using Afs.Venus.Servers;
using Afs.Wire;

namespace Afs.Venus.Tests;

/// <summary>
/// One client's way to a <see cref="MemoryVolume"/>: its calls, its promises, its trust. A test sets a hook to stop a call before it runs or hold its
/// reply back, and cuts the way.
/// </summary>
internal sealed class MemoryVice(MemoryVolume volume, TimeProvider time) : IViceServer
{
    private IVenusCallbacks? _callbacks;

    public IViceService Vice => Stub;

    public MemoryStub Stub => field ??= new MemoryStub(this, new MemoryCalls(volume, this), time);

    public IContentTransfer Content => Stub;

    public ServerTrust Trust { get; } = new(time);

    public TimeSpan Lease { get; set; } = TimeSpan.FromSeconds(30);

    public ulong ResetCount { get; set; }

    public bool IsWithoutPromises { get; private set; }

    /// <summary>From its next reply on the server promises nothing, or promises again.</summary>
    public void Serve(bool withoutPromises)
    {
        volume.Forget(this);
        (IsWithoutPromises, ResetCount) = (withoutPromises, ResetCount + 1);
    }

    public SessionTrust SessionTrust => new(ResetCount, IsWithoutPromises);

    public ulong Session { get; set; } = 1;

    public MemoryVolume Volume => volume;

    public void Start(IVenusCallbacks callbacks)
    {
        _callbacks = callbacks;
        Connect();
    }

    public void Connect() => Trust.Established(new SessionId(Session), new Epoch(volume.Epoch), Lease, SessionTrust);

    /// <summary>The volume breaks these. A client that is cut off is waited for until its lease ends, which in a test is at once.</summary>
    public async Task BreakAsync(List<PromiseBreak> breaks)
    {
        if (_callbacks is not null && !Stub.IsCut)
            await _callbacks.BreakPromisesAsync(new BreakPromisesRequest { Breaks = breaks, Volumes = [] }, default);
    }

    public ValueTask DisposeAsync()
    {
        volume.Forget(this);
        _callbacks = null;
        return ValueTask.CompletedTask;
    }

    public static byte[] Name(string name) => Encoding.Latin1.GetBytes(name);
}
