using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Afs.Rpc;

namespace Afs.Shared.Tests.Rpc;

/// <summary>Sockets that end before, or just as, they become a connection.</summary>
public sealed class ReadySocketEndTests
{
    /// <summary>What the collector does to an object that was never whole ends the process where it throws: this test would end its own.</summary>
    [Fact]
    public void ASocketThatIsGone_MakesNoStream_AndNothingIsLeftForTheCollectorToFail()
    {
        for (int i = 0; i < 20; i++)
            RefuseGone();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
    }

    [Fact]
    public void AStreamThatNobodyDisposed_IsCollectedInPeace()
    {
        ForgetOne();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void RefuseGone()
    {
        (Socket near, Socket far) = Pair();
        far.Dispose();
        near.Dispose();
        Assert.ThrowsAny<Exception>(() => new ReadySocketStream(near));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void ForgetOne()
    {
        (Socket near, Socket far) = Pair();
        using (far)
            _ = new ReadySocketStream(near);
    }

    private static (Socket Near, Socket Far) Pair()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        var far = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        far.Connect(listener.LocalEndPoint!);
        return (listener.Accept(), far);
    }
}
