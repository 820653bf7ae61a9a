using Afs.Rpc;

namespace Afs.Shared.Tests.Rpc;

/// <summary>Outcomes, deadlines, sessions, bounds: on virtual time, over the in-memory network.</summary>
public sealed class CallTests
{
    private static readonly RpcEndpoint Server = new RpcEndpoint.Memory("server");
    private static readonly CallContext Patient = new() { Deadline = TimeSpan.FromMinutes(10) };

    [Fact]
    public void ACallThatWasNeverSentWasNotExecuted() => Run(async (world, network, cell) =>
    {
        network.CutBothWays("client", "server");
        (_, CounterServiceClient stub, _) = cell.AddClient(network.TransportOf("client"), Server);
        long before = world.Time.GetTimestamp();
        Outcome<NumberMessage> outcome = await stub.IncrementAsync(new NumberMessage(1), new CallContext { Deadline = TimeSpan.FromSeconds(7) });
        Assert.Equal(OutcomeKind.NotExecuted, outcome.Kind);
        Assert.Equal(TimeSpan.FromSeconds(7), world.Time.GetElapsedTime(before));
        network.Heal();
    });

    [Fact]
    public void ACallWithoutReplyAtItsDeadlineIsUnknown() => Run(async (world, network, cell) =>
    {
        (_, CounterServiceClient stub, _) = cell.AddClient(network.TransportOf("client"), Server);
        long before = world.Time.GetTimestamp();
        Outcome<NumberMessage> outcome = await stub.HoldAsync(new NumberMessage(1), new CallContext { Deadline = TimeSpan.FromSeconds(7) });
        Assert.Equal(OutcomeKind.Unknown, outcome.Kind);
        Assert.Equal(TimeSpan.FromSeconds(7), world.Time.GetElapsedTime(before));
        cell.Service.Release();
    });

    [Fact]
    public void CancellingEndsTheWait() => Run(async (world, network, cell) =>
    {
        (_, CounterServiceClient stub, _) = cell.AddClient(network.TransportOf("client"), Server);
        using var cancel = new CancellationTokenSource();
        Task<Outcome<NumberMessage>> held = stub.HoldAsync(new NumberMessage(1), Patient with { Cancellation = cancel.Token }).AsTask();
        await Until(world, () => cell.Service.Held == 1);
        cancel.Cancel();
        Assert.Equal(OutcomeKind.Unknown, (await held).Kind);
        Assert.Equal(OutcomeKind.NotExecuted, (await stub.ReadAsync(new NumberMessage(1), Patient with { Cancellation = cancel.Token })).Kind);
        cell.Service.Release();
    });

    [Fact]
    public void TheServerSeesTheCallsIdPeerAndDeadline() => Run(async (world, network, cell) =>
    {
        (_, CounterServiceClient stub, _) = cell.AddClient(network.TransportOf("client"), Server);
        await stub.IncrementAsync(new NumberMessage(1), Patient);
        CallContext seen = cell.Service.LastContext;
        Assert.Equal(new CallId(new ClientId(1, 1), new SessionId(1), new CallSequence(1)), seen.Id);
        Assert.Equal("memory:client", seen.Peer);
        Assert.InRange(seen.Deadline!.Value, TimeSpan.FromMinutes(9), TimeSpan.FromMinutes(10));
    });

    [Fact]
    public void AServiceThatThrowsLeavesTheCallInDoubt() => Run(async (world, network, cell) =>
    {
        (_, CounterServiceClient stub, _) = cell.AddClient(network.TransportOf("client"), Server);
        Assert.Equal(OutcomeKind.Unknown, (await stub.ThrowAsync(new NumberMessage(1), Patient)).Kind);
        Assert.True((await stub.ReadAsync(new NumberMessage(1), Patient)).IsReply);
    });

    [Fact]
    public void AnOperationThatTheServiceLacksIsRefused() => Run(async (world, network, cell) =>
    {
        (RpcClient client, _, _) = cell.AddClient(network.TransportOf("client"), Server);
        Outcome<NumberMessage> outcome = await client.CallAsync<NumberMessage, NumberMessage>(999, false, new NumberMessage(1), Patient);
        Assert.Equal(RpcAbortCodes.NoSuchOperation, outcome.Abort);
    });

    [Fact]
    public void AMalformedRequestEndsTheConnectionAndNothingRuns() => Run(async (world, network, cell) =>
    {
        (RpcClient client, CounterServiceClient stub, RecordingClient owner) = cell.AddClient(network.TransportOf("client"), Server);
        Outcome<NumberMessage> outcome = await client.CallAsync<BytesMessage, NumberMessage>(
            1, true, new BytesMessage { Bytes = [1, 2, 3] }, new CallContext { Deadline = TimeSpan.FromSeconds(2) });
        Assert.Equal(OutcomeKind.Unknown, outcome.Kind);
        Assert.Empty(cell.Store.Executions);
        Assert.Contains("disconnected", owner.Events);
        Assert.True((await stub.ReadAsync(new NumberMessage(1), Patient)).IsReply);
    });

    [Fact]
    public void AMalformedReplyEndsTheConnectionAndIsInDoubt() => Run(async (world, network, cell) =>
    {
        (RpcClient client, _, RecordingClient owner) = cell.AddClient(network.TransportOf("client"), Server);
        Outcome<BytesMessage> outcome = await client.CallAsync<NumberMessage, BytesMessage>(1, true, new NumberMessage(1), Patient);
        Assert.Equal(OutcomeKind.Unknown, outcome.Kind);
        await Until(world, () => owner.Events.Contains("disconnected"));
    });

    [Fact]
    public void ALostSessionLeavesMutationsInDoubtAndSendsTheRestAgain() => Run(async (world, network, cell) =>
    {
        (_, CounterServiceClient stub, RecordingClient owner) = cell.AddClient(network.TransportOf("client"), Server);
        Task<Outcome<NumberMessage>> held = stub.HoldAsync(new NumberMessage(1), Patient).AsTask();
        await Until(world, () => cell.Service.Held == 1);
        network.Crash("server", tellPeers: true);
        await cell.Server.StopAsync(TimeSpan.Zero);
        cell.Store.ExpireSessions();
        await Until(world, () => owner.Events.Contains("disconnected"));
        Task<Outcome<NumberMessage>> waiting = stub.IncrementAsync(new NumberMessage(2), Patient).AsTask();
        await cell.StartServerAsync(Server);
        Assert.Equal(OutcomeKind.Unknown, (await held).Kind);
        Assert.True((await waiting).IsReply);
        Assert.Equal(2, owner.Sessions.Count);
        Assert.Equal(1, cell.Store.Executions[2]);
        Assert.DoesNotContain(1, cell.Store.Executions.Keys);
    });

    [Fact]
    public void ASessionThatTheServerEndsUnderItsConnectionIsReplacedAtTheNextCall() => Run(async (world, network, cell) =>
    {
        (_, CounterServiceClient stub, RecordingClient owner) = cell.AddClient(network.TransportOf("client"), Server);
        await stub.IncrementAsync(new NumberMessage(1), Patient);
        cell.Sessions.Ended[owner.Sessions.Single()] = true;
        Assert.Equal(OutcomeKind.Unknown, (await stub.IncrementAsync(new NumberMessage(2), Patient)).Kind);
        Assert.True((await stub.IncrementAsync(new NumberMessage(3), Patient)).IsReply);
        Assert.Equal(2, owner.Sessions.Count);
        Assert.DoesNotContain(2, cell.Store.Executions.Keys);
    });

    [Fact]
    public void AClientThatComesBackResumesItsSession() => Run(async (world, network, cell) =>
    {
        (RpcClient client, CounterServiceClient stub, RecordingClient owner) = cell.AddClient(network.TransportOf("client"), Server);
        await stub.IncrementAsync(new NumberMessage(1), Patient);
        client.Reconnect("the machine woke up");
        await stub.IncrementAsync(new NumberMessage(2), Patient);
        Assert.Equal(["established 1 new 1", "replied 1", "disconnected", "established 1 resumed 1", "replied 1"], owner.Events);
        Assert.Equal(["attached 1", "detached 1", "attached 1"], cell.Sessions.Events);
    });

    [Fact]
    public void ARefusedMutationIsRefusedOnceHoweverOftenItIsSent() => Run(
        async (world, network, cell) =>
        {
            (_, CounterServiceClient stub, _) = cell.AddClient(network.TransportOf("client"), Server);
            for (int i = 0; i < 50; i++)
                Assert.Equal(CounterService.Refusal, (await stub.RefuseAsync(new NumberMessage(i), Patient)).Abort);
            Assert.Equal(50, cell.Service.Refused);
            Assert.True(cell.Server.Statistics.Served.Sum(operation => operation.Duplicates) > 0);
        },
        new MemoryNetworkOptions { DropProbability = 0.2, DuplicateProbability = 0.5, Reorders = true });

    [Fact]
    public void RepliesAreForgottenWhenTheyWereSeen() => Run(async (world, network, cell) =>
    {
        (_, CounterServiceClient stub, _) = cell.AddClient(network.TransportOf("client"), Server);
        for (int i = 0; i < 20; i++)
            await stub.IncrementAsync(new NumberMessage(i), Patient);
        Assert.Equal(1, cell.Store.ReplyCount);
        await Task.Delay(new RpcTimings().KeepAlive * 2, world.Time, CancellationToken.None);
        Assert.Equal(0, cell.Store.ReplyCount);
    });

    [Fact]
    public void MoreCallsThanTheServerTakesWaitTheirTurn() => Run(
        async (world, network, cell) =>
        {
            (RpcClient client, CounterServiceClient stub, _) = cell.AddClient(network.TransportOf("client"), Server);
            Task<Outcome<NumberMessage>>[] held = [.. Enumerable.Range(0, 30).Select(i => stub.HoldAsync(new NumberMessage(i), Patient).AsTask())];
            await Task.Delay(TimeSpan.FromSeconds(20), world.Time, CancellationToken.None);
            Assert.Equal(8, cell.Service.Held);
            cell.Service.Release();
            Assert.All(await Task.WhenAll(held), outcome => Assert.True(outcome.IsReply));
            Assert.All(cell.Store.Executions.Values, count => Assert.Equal(1, count));
            Assert.True(client.Statistics.Made.Sum(operation => operation.Retries) > 0);
        },
        serverLimits: new RpcLimits { ConcurrentCalls = 8 });

    [Fact]
    public void WaitingCallsAreBounded() => Run(
        async (world, network, cell) =>
        {
            network.CutBothWays("client", "server");
            (_, CounterServiceClient stub, _) = cell.AddClient(network.TransportOf("client"), Server);
            CallContext brief = new() { Deadline = TimeSpan.FromSeconds(5) };
            Task<Outcome<NumberMessage>>[] waiting = [.. Enumerable.Range(0, 10).Select(i => stub.ReadAsync(new NumberMessage(i), brief).AsTask())];
            Assert.Equal(6, waiting.Count(task => task.IsCompleted));
            Assert.All(await Task.WhenAll(waiting), outcome => Assert.Equal(OutcomeKind.NotExecuted, outcome.Kind));
            network.Heal();
        },
        clientLimits: new RpcLimits { WaitingCalls = 4 });

    [Fact]
    public void AHalfOpenConnectionIsNoticedByBothSides() => Run(async (world, network, cell) =>
    {
        (_, CounterServiceClient stub, RecordingClient owner) = cell.AddClient(network.TransportOf("client"), Server);
        await stub.ReadAsync(new NumberMessage(1), Patient);
        network.CutBothWays("client", "server");
        long before = world.Time.GetTimestamp();
        await Until(world, () => owner.Events.Contains("disconnected") && cell.Sessions.Events.Contains("detached 1"));
        Assert.InRange(world.Time.GetElapsedTime(before), TimeSpan.FromSeconds(10), 2 * new RpcTimings().Silence);
        network.Heal();
        Assert.True((await stub.ReadAsync(new NumberMessage(1), Patient)).IsReply);
    });

    [Fact]
    public void TheLeaseCountsFromBeforeTheFirstTransmission() => Run(
        async (world, network, cell) =>
        {
            (_, CounterServiceClient stub, RecordingClient owner) = cell.AddClient(network.TransportOf("client"), Server);
            await stub.ReadAsync(new NumberMessage(1), Patient);
            network.Options = network.Options with { DropProbability = 1 };
            long before = world.Time.GetTimestamp();
            Task<Outcome<NumberMessage>> call = stub.ReadAsync(new NumberMessage(2), Patient).AsTask();
            await Task.Delay(TimeSpan.FromSeconds(3), world.Time, CancellationToken.None);
            network.Options = network.Options with { DropProbability = 0 };
            await call;
            Assert.Equal(before, owner.LastReplySentAt);
        },
        new MemoryNetworkOptions { DropProbability = 0.001, Reorders = true });

    [Fact]
    public void RepliesCarryTheResetCount() => Run(async (world, network, cell) =>
    {
        (_, CounterServiceClient stub, RecordingClient owner) = cell.AddClient(network.TransportOf("client"), Server);
        cell.Sessions.Resets = 42;
        await stub.ReadAsync(new NumberMessage(1), Patient);
        Assert.Equal(42ul, owner.LastReset);
        Assert.Equal(1, cell.Sessions.Contacts);
    });

    [Fact]
    public void CallsToAClientEndWithItsConnection() => Run(async (world, network, cell) =>
    {
        (_, CounterServiceClient stub, RecordingClient owner) = cell.AddClient(network.TransportOf("client"), Server);
        await stub.ReadAsync(new NumberMessage(1), Patient);
        owner.OnNotify = _ => Task.Delay(TimeSpan.FromHours(1), world.Time, CancellationToken.None);
        var back = new NotifyServiceClient(cell.Sessions.Channels[new SessionId(1)]);
        Task<Outcome<NumberMessage>> call = back.NotifyAsync(new NumberMessage(1), Patient).AsTask();
        await Until(world, () => owner.Notified.ContainsKey(1));
        network.Crash("client", tellPeers: true);
        Assert.Equal(OutcomeKind.Unknown, (await call).Kind);
        Assert.Equal(OutcomeKind.NotExecuted, (await back.NotifyAsync(new NumberMessage(2), Patient)).Kind);
    });

    [Fact]
    public void CallsToAClientRunOnceOverALossyNetwork() => Run(
        async (world, network, cell) =>
        {
            (_, CounterServiceClient stub, RecordingClient owner) = cell.AddClient(network.TransportOf("client"), Server);
            await stub.ReadAsync(new NumberMessage(1), Patient);
            var back = new NotifyServiceClient(cell.Sessions.Channels[new SessionId(1)]);
            for (int i = 0; i < 50; i++)
                Assert.Equal(-i, (await back.NotifyAsync(new NumberMessage(i), Patient)).Value.Value);
            Assert.All(owner.Notified.Values, count => Assert.Equal(1, count));
        },
        new MemoryNetworkOptions { DropProbability = 0.3, DuplicateProbability = 0.3, Reorders = true, MaxDelay = TimeSpan.FromMilliseconds(500) });

    [Fact]
    public void DrainingLetsRunningCallsEnd() => Run(async (world, network, cell) =>
    {
        (_, CounterServiceClient stub, RecordingClient owner) = cell.AddClient(network.TransportOf("client"), Server);
        Task<Outcome<NumberMessage>> held = stub.HoldAsync(new NumberMessage(1), Patient).AsTask();
        await Until(world, () => cell.Service.Held == 1);
        Task stopping = cell.Server.StopAsync(TimeSpan.FromMinutes(1));
        Outcome<NumberMessage> late = await stub.IncrementAsync(new NumberMessage(2), new CallContext { Deadline = TimeSpan.FromSeconds(10) });
        Assert.False(late.IsReply);
        cell.Service.Release();
        Assert.True((await held).IsReply);
        await stopping;
        Assert.DoesNotContain(2, cell.Store.Executions.Keys);
        await Until(world, () => owner.Events.Contains("disconnected"));
    });

    private static async Task Until(VirtualWorld world, Func<bool> condition)
    {
        while (!condition())
            await Task.Delay(TimeSpan.FromMilliseconds(1), world.Time, CancellationToken.None);
    }

    [Fact]
    public void AStoredReplyThatCantBeFoundIsLookedForAgainAndTheCallRunsOnce() => Run(
        async (world, network, cell) =>
        {
            (_, CounterServiceClient stub, _) = cell.AddClient(network.TransportOf("client"), Server);
            await stub.ReadAsync(new NumberMessage(0), Patient);
            Task<Outcome<NumberMessage>> call = stub.IncrementAsync(new NumberMessage(7), Patient).AsTask();
            await Until(world, () => cell.Store.Executions.ContainsKey(7));
            network.Crash("server", tellPeers: true);
            await cell.Server.StopAsync(TimeSpan.Zero);
            cell.Store.FailingFinds = 3;
            await cell.StartServerAsync(Server);
            Outcome<NumberMessage> outcome = await call;
            Assert.True(outcome.IsReply, $"{outcome.Kind}");
            Assert.Equal((0, 1), (cell.Store.FailingFinds, cell.Store.Executions[7]));
            cell.Server.CheckInvariants();
        },
        pause: TimeSpan.FromSeconds(1));

    private static void Run(
        Func<VirtualWorld, MemoryNetwork, Cell, Task> story, MemoryNetworkOptions? options = null, RpcLimits? serverLimits = null, RpcLimits? clientLimits = null,
        TimeSpan pause = default)
    {
        var world = new VirtualWorld();
        world.Run(
            async () =>
            {
                var network = new MemoryNetwork(world.Time, new Random(1)) { Options = options ?? new MemoryNetworkOptions() };
                await using var cell = new Cell(network.TransportOf("server"), world.Time, seed: 1)
                {
                    ServerLimits = serverLimits ?? new RpcLimits(),
                    ClientLimits = clientLimits ?? new RpcLimits(),
                    Pause = pause,
                };
                await cell.StartServerAsync(Server);
                await story(world, network, cell);
            },
            TimeSpan.FromHours(3));
    }
}
