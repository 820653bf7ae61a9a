using Afs.Rpc;
using Afs.Wire;

namespace Afs.Simulation;

/// <summary>
/// What applications were told, held against what the server committed. The server's history is known from outside time, so each answer
/// is judged at the moment it is given: it must be the state of some moment between the last change that was acknowledged before the
/// question, and now.
/// </summary>
internal sealed class Model
{
    private readonly SimWorld _world;
    private readonly ServerHistory _history;
    private readonly Dictionary<ClientId, int> _clients = [];
    private readonly Dictionary<int, long> _mountedAt = [];
    private readonly Dictionary<ulong, Acknowledged> _acknowledged = [];
    private readonly Dictionary<ulong, Acknowledged> _acknowledgedStatuses = [];
    private readonly Dictionary<(int Client, ulong Vnode), LocalFile> _local = [];
    private readonly Dictionary<uint, WrittenContent> _contents = [];
    private readonly Dictionary<uint, WrittenContent> _halves = [];
    private readonly List<Operation> _operations = [];
    private int _lastId;

    public Model(SimWorld world, ServerHistory history)
    {
        (_world, _history) = (world, history);
        Behind = new ChangesBehind(world, this);
        _history.VersionStored = CheckStored;
        _history.HaveCommitted = Behind.Committed;
    }

    public ServerHistory History => _history;

    public IReadOnlyList<Operation> Operations => _operations;

    public IEnumerable<WrittenContent> Contents => _contents.Values;

    public ModelCounts Counts { get; } = new();

    /// <summary>Of clients that write behind.</summary>
    public ChangesBehind Behind { get; }

    /// <summary>A client is mounted by this name.</summary>
    public void Mounted(int client, ClientId id)
    {
        _clients[id] = client;
        _mountedAt[client] = Now();
    }

    public int NumberOf(ClientId id) => _clients.GetValueOrDefault(id);

    public long Now() => _world.NextSequence();

    public void ClientDied(int client, bool losesPower)
    {
        Behind.Died(client, losesPower);
        foreach (((int owner, _), LocalFile file) in _local)
        {
            if (owner == client)
                file.Died();
        }
        foreach (WrittenContent content in _contents.Values.Where(c => c.Client == client && !c.IsStored && losesPower))
            content.MayBeLost = true;
        foreach (WrittenContent content in _contents.Values.Where(c => c.Client == client && c.WrittenAt == 0))
            content.WasInterrupted = true;
    }

    public int NewId() => ++_lastId;

    /// <summary>An application asks for a change of names.</summary>
    /// <param name="vnode">What it changes, where that may have no name; zero: names.</param>
    /// <param name="touches">Would an answer about this vnode, or this name in it, show it?</param>
    public Operation Begin(int id, int client, string what, Func<Mutation, bool> runs, ulong vnode, Func<ulong, string?, bool> touches)
    {
        var operation = new Operation(id, client, what, Now(), runs) { Vnode = vnode, Touches = touches };
        _operations.Add(operation);
        return operation;
    }

    /// <summary>It was told how that went.</summary>
    public void End(Operation operation, OperationOutcome outcome)
    {
        operation.Outcome = outcome;
        Counts.Changes++;
        if (outcome != OperationOutcome.Succeeded)
            return;
        Mutation? mutation = _history.Mutations.FirstOrDefault(m => m.Operation == 0 && m.At > operation.Began && m.HasEffect
            && NumberOf(m.Client) == operation.Client && operation.Runs(m));
        if (mutation is null)
        {
            if (Behind.Has(operation.Client))
                Behind.Add(new WaitingChange(
                    operation.Client, $"{operation.What} ({operation.Id})", operation.Began, operation.Vnode, m => m.Operation == 0 && m.At > operation.Began && m.HasEffect && operation.Runs(m),
                    operation.Touches, (waiting, m) => Arrived(operation, m, waiting.IsHeld ? waiting.ToldAt : null)));
            else
                _world.Violated($"S4: {operation.What} of client {operation.Client} succeeded, and the server never did it");
            return;
        }
        Arrived(operation, mutation, Now());
        Behind.CheckOrder(operation.Client, operation.Began, operation.What);
    }

    /// <param name="toldAt">Null: its client wrote it behind, and has no lease since then.</param>
    private void Arrived(Operation operation, Mutation mutation, long? toldAt)
    {
        mutation.Operation = operation.Id;
        Acknowledge(operation.Client, mutation, toldAt);
    }

    private void Acknowledge(int client, Mutation mutation, long? toldAt)
    {
        if (toldAt is { } told)
            Acknowledge(mutation, told);
        else
            Behind.AcknowledgeLater(client, mutation);
    }

    /// <summary>fsync() of a client told of success.</summary>
    public void Synced(int client, long asked)
    {
        if (Behind.Has(client))
            Behind.Synced(client, asked);
    }

    public LocalFile Local(int client, ulong vnode)
    {
        if (!_local.TryGetValue((client, vnode), out LocalFile? file))
            file = _local[(client, vnode)] = new LocalFile();
        return file;
    }

    /// <summary>An application begins to write.</summary>
    public WrittenContent AddContent(int id, int client, ulong vnode, uint crc32C, ulong @base) =>
        _contents[crc32C] = new WrittenContent(id, client, vnode, crc32C) { Base = @base };

    /// <summary>What a file is like in the middle of it.</summary>
    public void AddHalf(WrittenContent content, uint crc32C) => _halves[crc32C] = content;

    /// <summary>close() or fsync() of what was written told of success.</summary>
    public void Stored(WrittenContent content)
    {
        Counts.Stores++;
        bool isIt(Mutation m) => NumberOf(m.Client) == content.Client
            && m.Names.Count == 0 && !m.IsOfStatusOnly && m.Statuses.Any(s => s.Fid.Vnode.Value == content.Vnode && s.ContentCrc32C == content.Crc32C);
        Mutation? store = _history.Mutations.FindLast(isIt);
        content.IsStored = store is not null || !Behind.Has(content.Client);
        content.WasTold = true;
        if (store is not null)
            StoredAs(content, store, Now());
        else if (Behind.Has(content.Client))
            Behind.Add(new WaitingChange(
                content.Client, $"content {content.Id} of {content.Vnode}", content.WrittenAt, content.Vnode, isIt, (vnode, name) => name is null && vnode == content.Vnode,
                (waiting, m) => StoredAs(content, m, waiting.IsHeld ? waiting.ToldAt : null)));
        else if (!WasRemovedBy(content.Client, content.Vnode))
            _world.Violated($"S4: the close of content {content.Id} of client {content.Client} succeeded, and the server never got it");
    }

    private void StoredAs(WrittenContent content, Mutation store, long? toldAt)
    {
        content.IsStored = true;
        Acknowledge(content.Client, store, toldAt);
    }

    /// <summary>Was told that a name stands for a vnode; zero: for nothing.</summary>
    /// <param name="since">What was acknowledged before then must be known.</param>
    public void Named(int client, ulong directory, string name, ulong vnode, long since)
    {
        Counts.Lookups++;
        Judge(client, directory, name, since, () => _history.Meanings(directory, name, Before(directory, since)).Contains(vnode)
            ? null
            : $"S1: client {client} was told that {name} in {directory} is {vnode}, which it was not since version {Before(directory, since)}");
    }

    /// <summary>An answer about a vnode, or about a name in it.</summary>
    private void Judge(int client, ulong vnode, string? name, long since, Func<string?> judge)
    {
        Behind.JudgeAgain();
        Behind.Judge(client, judge);
        if (Behind.Unseen(client, vnode, name, since) is { } unseen)
            _world.Violated(unseen);
    }

    /// <summary>Was given the entries of a directory.</summary>
    public void Listed(int client, ulong directory, ulong version, IEnumerable<(string Name, ulong Vnode)> names, long since)
    {
        Counts.Lookups++;
        List<KeyValuePair<string, ulong>> listed = [.. names.Select(static entry => KeyValuePair.Create(entry.Name, entry.Vnode))];
        Judge(client, directory, null, since, () => JudgeListing(client, directory, version, listed, since));
    }

    private string? JudgeListing(int client, ulong directory, ulong version, List<KeyValuePair<string, ulong>> names, long since)
    {
        if (version < Before(directory, since))
            return $"S1: client {client} listed version {version} of {directory} after version {Before(directory, since)} was acknowledged";
        if (_history.Entries(directory, version) is not { } entries)
            return $"client {client} listed version {version} of {directory}, which never was";
        return entries.SequenceEqual(names) ? null : $"S2: client {client} listed version {version} of {directory} with other names than it had";
    }

    /// <summary>Was told the status of a file.</summary>
    public void Told(int client, FetchStatus status, long since)
    {
        Counts.Statuses++;
        Judge(client, status.Fid.Vnode.Value, null, since, () => JudgeStatus(client, status, since));
    }

    private string? JudgeStatus(int client, FetchStatus status, long since)
    {
        ulong vnode = status.Fid.Vnode.Value;
        if (status.DataVersion.Value < Before(vnode, since))
            return $"S1: client {client} was told version {status.DataVersion} of {vnode} after version {Before(vnode, since)} was acknowledged";
        if (status.StatusVersion.Value < BeforeStatus(vnode, since))
            return $"S1: client {client} was told status version {status.StatusVersion} of {vnode} after version {BeforeStatus(vnode, since)} was acknowledged";
        if (_history.Statuses.At(vnode, status.StatusVersion) is not { } state || !state.IsToldBy(status))
            return $"S2: client {client} was told a status of {vnode} that its version {status.StatusVersion} never was: {status}, and not {_history.Statuses.At(vnode, status.StatusVersion)?.Status.ToString() ?? "anything"}";
        if (status.Type == FileType.Regular && !_history.Versions(vnode).Any(v => v.Version == status.DataVersion.Value && v.LengthBytes == status.LengthBytes))
            return $"client {client} was told version {status.DataVersion} of {vnode} of {status.LengthBytes} bytes, which never was";
        return null;
    }

    /// <summary>Was told all xattrs of a vnode.</summary>
    public void ToldXattrs(int client, ulong vnode, IReadOnlyList<Xattr> xattrs, long since)
    {
        Counts.Statuses++;
        var told = xattrs.Select(static x => KeyValuePair.Create(Convert.ToHexString(x.Name), Convert.ToHexString(x.Value))).OrderBy(static x => x.Key, StringComparer.Ordinal).ToList();
        Judge(client, vnode, null, WasRemovedBy(client, vnode) ? 0 : since, () => WasRemovedBy(client, vnode)
            || _history.Statuses.Since(vnode, BeforeStatus(vnode, since)).Any(state => state.Xattrs.OrderBy(static x => x.Key, StringComparer.Ordinal).SequenceEqual(told))
                ? null
                : $"S1: client {client} was told xattrs of {vnode} that it has not had since status version {BeforeStatus(vnode, since)}: {string.Join(", ", told)}");
    }

    /// <summary>Was told that a vnode is gone.</summary>
    public void ToldGone(int client, ulong vnode) =>
        Behind.Judge(client, () => _history.Exists(vnode) ? $"S4: client {client} was told that {vnode} is gone, and it is there" : null);

    /// <summary>Opened a file and read all of it.</summary>
    public void Read(int client, ulong vnode, DataVersion version, uint crc32C, long lengthBytes, Question question)
    {
        Counts.Reads++;
        (long asked, long since) = (question.Asked, question.Since);
        if (lengthBytes > 0 && !_contents.ContainsKey(crc32C) && !_halves.ContainsKey(crc32C))
        {
            _world.Violated($"S2: client {client} read {lengthBytes} bytes of {vnode} that nobody wrote");
            return;
        }
        if (Local(client, vnode).LastLocal < asked)
            Judge(client, vnode, null, WasRemovedBy(client, vnode) ? 0 : since, () => JudgeRead(client, vnode, version.Value, crc32C, lengthBytes, since));
    }

    private string? JudgeRead(int client, ulong vnode, ulong version, uint crc32C, long lengthBytes, long since)
    {
        // What this client removed lives on as it has it open; a newer version that another client had stored went with its name.
        if (version < Before(vnode, since) && !WasRemovedBy(client, vnode))
            return $"S1: client {client} opened version {version} of {vnode} after version {Before(vnode, since)} was acknowledged";
        return _history.Versions(vnode).Any(v => v.Version == version && v.Crc32C == crc32C && v.LengthBytes == lengthBytes)
            ? null
            : $"S2: client {client} opened version {version} of {vnode}, whose content was another";
    }

    /// <summary>Read an open file again, which this client didn't change meanwhile.</summary>
    public void ReadAgain(int client, ulong vnode, uint first, uint second, long opened)
    {
        if (first != second && Local(client, vnode).LastLocal < opened)
            _world.Violated($"S2: {vnode} changed under a reader of client {client}");
    }

    /// <summary>Did this client remove the vnode's last name?</summary>
    public bool WasRemovedBy(int client, ulong vnode) =>
        _history.Mutations.Any(m => NumberOf(m.Client) == client && m.Deleted.Any(d => d.Value == vnode));

    private ulong Before(ulong vnode, long moment) => _acknowledged.TryGetValue(vnode, out Acknowledged? versions) ? versions.Before(moment) : 0;

    private ulong BeforeStatus(ulong vnode, long moment) => _acknowledgedStatuses.TryGetValue(vnode, out Acknowledged? versions) ? versions.Before(moment) : 0;

    public void Acknowledge(Mutation mutation, long now)
    {
        foreach (FetchStatus status in mutation.Statuses)
        {
            ulong vnode = status.Fid.Vnode.Value;
            if (!_acknowledged.TryGetValue(vnode, out Acknowledged? versions))
                versions = _acknowledged[vnode] = new Acknowledged();
            versions.Add(now, status.DataVersion.Value);
            if (!_acknowledgedStatuses.TryGetValue(vnode, out Acknowledged? statuses))
                statuses = _acknowledgedStatuses[vnode] = new Acknowledged();
            statuses.Add(now, status.StatusVersion.Value);
        }
    }

    /// <summary>
    /// A version is what somebody wrote and closed; or what he was writing when his daemon died, if nobody else had stored meanwhile.
    /// </summary>
    private void CheckStored(ulong vnode, FileVersion version)
    {
        int client = NumberOf(version.Writer);
        if (version.LengthBytes == 0)
            return;
        if (_contents.TryGetValue(version.Crc32C, out WrittenContent? content) && content.IsClosed)
            return;
        if (content is null && (!_halves.TryGetValue(version.Crc32C, out content) || !content.WasInterrupted))
        {
            string what = content is null ? "that nobody wrote" : $"that are half of content {content.Id}, which is being written";
            _world.Violated($"S2: client {client} stored {version.LengthBytes} bytes as version {version.Version} of {vnode} {what}");
            return;
        }
        // What is stored while the recovery runs may be replaced: the server keeps it, and logs both.
        FileVersion replaced = _history.Versions(vnode)[^2];
        if (replaced.Version != content.Base && NumberOf(replaced.Writer) != client && replaced.At < _mountedAt[client])
            _world.Violated($"S3: client {client} stored content {content.Id}, which nobody closed and which started from version {content.Base} of {vnode}, over version {replaced.Version}");
    }
}
