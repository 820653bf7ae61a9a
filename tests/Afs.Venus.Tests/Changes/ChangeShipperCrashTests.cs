using System.Buffers.Binary;
using Afs.Venus.Cache;
using static Afs.Venus.Tests.TestChanges;

namespace Afs.Venus.Tests;

/// <summary>
/// Several lives of a client one after the other, with a server that is often not reached, or whose replies are lost, and that refuses some; each life ends by a kill or by a loss of power. In the end the
/// server has, in their order and once each, all changes that weren't lost with the power, but for those that were handed on; and none of what was acknowledged is lost.
/// </summary>
public sealed class ChangeShipperCrashTests
{
    private const int Lives = 4, StepsOfLife = 40;

    private static readonly ChangeLogOptions Small = Quiet with { SegmentBytes = 3000 };

    [Fact]
    public async Task WhateverHappens_EachChangeArrivesOnce_InOrder_OrIsHandedOn()
    {
        int handedOn = 0, lost = 0;
        for (int seed = 1; seed <= 60; seed++)
        {
            var run = new Run(seed);
            for (int life = 1; life < Lives; life++)
                await run.LiveAsync(isLast: false);
            await run.LiveAsync(isLast: true);
            handedOn += run.HandedOn.Count;
            lost += run.Lost;
            Assert.True(run.Wrong.Count == 0, $"seed {seed}: {string.Join("; ", run.Wrong)}");
        }
        Assert.InRange(handedOn, 50, int.MaxValue);
        Assert.InRange(lost, 50, int.MaxValue);
    }

    private sealed class Run(int seed)
    {
        private readonly Random _random = new(seed);
        private readonly ShippingServer _server = new() { Refuses = static change => IdOf(change.Logged.Change) % 29 == 0 };

        /// <summary>Changes by their own ids, in the order in which they were logged, that weren't lost.</summary>
        private readonly SortedDictionary<ChangeNumber, int> _logged = [];
        private readonly List<string> _wrong = [];
        private TracedDisk _disk = new();
        private ChangeNumber _acknowledged, _settled;
        private int _nextId = 1;

        public HashSet<int> HandedOn { get; } = [];

        public int Lost { get; private set; }

        public List<string> Wrong => [.. _wrong, .. _server.Wrong];

        public async Task LiveAsync(bool isLast)
        {
            var carrier = new TestCarrier(_server);
            Trouble(carrier, isLast ? 0 : 1);
            var client = new ShippingClient(_disk, _server, carrier: carrier, logOptions: Small, opened: Find);
            for (int step = 0; step < StepsOfLife; step++)
                await StepAsync(client);
            if (isLast)
            {
                await client.DrainAsync();
                Note(client);
                Check();
            }
            else
            {
                client.Carrier.Kill();
                Note(client);
                TracedDisk left = Draw(2) == 0 ? ChangeShipperTests.LosePower(_disk) : _disk;
                await client.DisposeAsync(); // Nothing of it goes on beside the next life.
                Note(client);
                _settled = client.Log.Settled; // What was settled had been synced.
                if (left == _disk)
                    return;
                left.Changes.AddRange(Durable(left));
                _disk = left;
            }
        }

        private async Task StepAsync(ShippingClient client)
        {
            switch (Draw(8))
            {
                case <= 4:
                    for (int i = Draw(20); i >= 0; i--)
                    {
                        int id = _nextId++;
                        _logged[client.Append(Make(id))] = id;
                    }
                    break;
                case 5:
                    client.Shipper.ShipNow(client.Log.Last);
                    break;
                case 6:
                    ChangeNumber last = client.Log.Last;
                    await client.Log.SyncAsync(last);
                    _acknowledged = last;
                    break;
                default:
                    client.Time.Advance(TimeSpan.FromMilliseconds(Draw(2000)));
                    await Task.Delay(1);
                    break;
            }
        }

        /// <summary>What is refused stays refused. A refused content that was handed on by a client that died before it had noted that may be sent after all, and the server would take it later.</summary>
        private void Trouble(TestCarrier carrier, int much)
        {
            carrier.OnBatch = (_, _) => Task.FromResult(Draw(6) < much ? CarrierVerdict.Unreachable : (CarrierVerdict?)null);
            carrier.OnReply = (_, outcome) => Task.FromResult(Draw(8) < much ? CarrierVerdict.Unreachable : outcome);
            carrier.OnContent = change => Task.FromResult(
                Draw(8) < much ? CarrierVerdict.Unreachable : IdOf(change.Change) % 31 == 0 ? new CarrierOutcome(CarrierVerdict.Done, [new Refusal(change.Number, FailureKind.CacheFull)]) : CarrierOutcome.Done);
        }

        /// <summary>Calls of the carrier draw too.</summary>
        private int Draw(int below)
        {
            lock (_random)
                return _random.Next(below);
        }

        /// <summary>An object of its own each, some of them in a directory that was made before, or stores of what was.</summary>
        private Change Make(int id)
        {
            Change change = (id % 5) switch
            {
                0 or 1 => Create(Fid(1000 + id), Root, $"d{id}"),
                2 => Create(Fid(1000 + id), Fid(1000 + id - 1 - Draw(2)), "in"),
                3 => Store(Fid(1000 + id), id),
                _ => Store(Fid(1000 + id - 4), id),
            };
            byte[] request = new byte[4];
            BinaryPrimitives.WriteInt32LittleEndian(request, id);
            return change with { Request = request };
        }

        /// <summary>After a start: what isn't there and wasn't settled is lost.</summary>
        private void Find(ChangeLog log)
        {
            Dictionary<ChangeNumber, int> waiting = Waiting(log).ToDictionary(static change => change.Number, static change => IdOf(change.Change));
            foreach ((ChangeNumber number, int id) in _logged.ToArray())
            {
                if (waiting.TryGetValue(number, out int found) ? found == id : number <= _settled)
                    continue;
                if (number <= _acknowledged)
                    _wrong.Add($"{number} was acknowledged and is lost");
                _logged.Remove(number);
                Lost++;
            }
            if (waiting.Keys.Any(number => !_logged.ContainsKey(number)))
                _wrong.Add("there is what nobody logged");
        }

        private void Note(ShippingClient client)
        {
            foreach ((ulong[] refused, ulong[] dependants) in client.Carrier.HandedOn)
                HandedOn.UnionWith(refused.Concat(dependants).Where(number => _logged.ContainsKey(new(number))).Select(number => _logged[new(number)]));
        }

        private void Check()
        {
            int[] applied = [.. _server.AppliedChanges.Select(IdOf)];
            if (!applied.SequenceEqual(applied.Distinct().Order()))
                _wrong.Add("not in order, or not once");
            int[] expected = [.. _logged.Values.Where(id => !HandedOn.Contains(id))];
            _wrong.AddRange(expected.Except(applied).Select(static id => $"{id} is missing"));
            _wrong.AddRange(applied.Except(expected).Select(id => $"{id} was {(HandedOn.Contains(id) ? "handed on" : "lost")}, and is there"));
        }

        private static IEnumerable<DiskChange> Durable(TracedDisk disk)
        {
            foreach ((string name, MemoryFile file) in disk.Names)
            {
                yield return new DiskChange.Name(name, file);
                yield return new DiskChange.Write(file, 0, file.Bytes.ToArray());
                yield return new DiskChange.Sync(file);
            }
            yield return new DiskChange.SyncNames();
        }

        private static int IdOf(Change change) => BinaryPrimitives.ReadInt32LittleEndian(change.Request.Span);
    }
}
