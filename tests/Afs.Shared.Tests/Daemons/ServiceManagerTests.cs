using System.Net.Sockets;
using System.Text;
using Afs.Daemons;

namespace Afs.Shared.Tests.Daemons;

/// <summary>What a service manager hears on its socket.</summary>
public sealed class ServiceManagerTests : IDisposable
{
    private readonly string _path = Path.Combine(Directory.CreateTempSubdirectory("afs-notify-").FullName, "socket");
    private readonly Socket _manager = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { ReceiveTimeout = 30_000 };

    public ServiceManagerTests() => _manager.Bind(new UnixDomainSocketEndPoint(_path));

    public void Dispose()
    {
        _manager.Dispose();
        Directory.Delete(Path.GetDirectoryName(_path)!, recursive: true);
    }

    [Fact]
    public void It_hears_of_the_beginning_and_the_end()
    {
        var notifier = new ServiceNotifier(_path);
        notifier.Ready("serving\nwell");
        Assert.Equal("READY=1\nSTATUS=serving well", Hear());
        notifier.Stopping();
        Assert.Equal("STOPPING=1", Hear());
    }

    [Fact]
    public void An_abstract_name_is_reached()
    {
        string name = $"afs-{Guid.NewGuid():N}";
        using var manager = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { ReceiveTimeout = 30_000 };
        manager.Bind(new UnixDomainSocketEndPoint("\0" + name));
        new ServiceNotifier("@" + name).Stopping();
        byte[] buffer = new byte[64];
        Assert.Equal("STOPPING=1", Encoding.UTF8.GetString(buffer, 0, manager.Receive(buffer)));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("/nowhere/to/be/found")]
    public void Without_a_manager_nothing_is_said(string? path) => new ServiceNotifier(path).Ready("alone");

    [Fact]
    public async Task The_watchdog_is_fed_twice_in_its_time_after_each_proof()
    {
        var time = new VirtualTimeProvider();
        int proofs = 0;
        await using (Watchdog watchdog = Watchdog.Start(new ServiceNotifier(_path), "10000000", () => proofs++, time)!)
        {
            Assert.Equal("WATCHDOG=1", Hear());
            while (time.NextDue is null)
                await Task.Delay(1, TestContext.Current.CancellationToken);
            Assert.Equal(1, proofs);
            Assert.Equal(TimeSpan.FromSeconds(5), TimeSpan.FromTicks(time.NextDue.Value - time.GetTimestamp()));
            time.Advance(TimeSpan.FromSeconds(5));
            Assert.Equal("WATCHDOG=1", Hear());
        }
        Assert.Equal(2, proofs);
    }

    [Fact]
    public async Task A_process_that_fails_its_proof_falls_silent()
    {
        Watchdog watchdog = Watchdog.Start(new ServiceNotifier(_path), "10000000", () => throw new InvalidOperationException("broken"), new VirtualTimeProvider())!;
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await watchdog.DisposeAsync());
        Assert.Equal(0, _manager.Available);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("soon")]
    [InlineData("0")]
    public void Who_asks_for_no_watchdog_gets_none(string? wait) => Assert.Null(Watchdog.Start(new ServiceNotifier(_path), wait, () => { }, TimeProvider.System));

    private string Hear()
    {
        byte[] buffer = new byte[1024];
        return Encoding.UTF8.GetString(buffer, 0, _manager.Receive(buffer));
    }
}
