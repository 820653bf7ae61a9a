using Afs.Platform;

namespace Afs.Simulation;

/// <summary>What can only be said at the end of a run: that nothing ran twice, and that nothing written was lost.</summary>
internal sealed class LastJudgement(SimWorld world, Model model)
{
    public void Judge(IReadOnlyList<SimClient> clients)
    {
        model.Behind.JudgeLast();
        JudgeMutations();
        foreach (WrittenContent content in model.Contents.Where(static c => c.WrittenAt > 0 && !c.IsStored && !c.MayBeLost))
        {
            if (!IsAccountedFor(content, clients))
                world.Violated($"S7: content {content.Id} that client {content.Client} wrote to {content.Vnode} is nowhere");
        }
    }

    /// <summary>Each mutation of names, or of what goes along with a file, that nobody was told of must be one of those that are in doubt, and each of those ran at most once.</summary>
    private void JudgeMutations()
    {
        List<Operation> inDoubt = [.. model.Operations.Where(static o => o.Outcome is OperationOutcome.Pending or OperationOutcome.InDoubt)];
        foreach (Mutation mutation in model.History.Mutations.Where(static m => m.Operation == 0 && (m.Names.Count > 0 || m.IsOfStatusOnly)))
        {
            int client = model.NumberOf(mutation.Client);
            Operation? operation = inDoubt.Find(o => o.Client == client && o.Began < mutation.At && o.Runs(mutation));
            if (operation is null)
                world.Violated($"S6: client {client} changed {string.Join(", ", mutation.Names)}{string.Join(", ", mutation.Xattrs)} ({mutation.Statuses.Count} statuses), which no operation accounts for: something ran twice, or after it was refused");
            else
                inDoubt.Remove(operation);
        }
    }

    private bool IsAccountedFor(WrittenContent content, IReadOnlyList<SimClient> clients) =>
        model.History.Versions(content.Vnode).Any(v => v.Crc32C == content.Crc32C)
        || model.WasRemovedBy(content.Client, content.Vnode)
        || content.WasTold && model.Behind.MayNeverHaveBeen(content.Client, content.Vnode)
        || model.Local(content.Client, content.Vnode).CutAt > content.WrittenAt
        || Recovered(clients[content.Client - 1]).Contains(content.Crc32C);

    private static IEnumerable<uint> Recovered(SimClient client) => Recovered(client, "recovered");

    private static IEnumerable<uint> Recovered(SimClient client, string folder)
    {
        foreach (string name in client.Disk.List(folder))
        {
            // What was refused together is a tree.
            if (client.Disk.Find($"{folder}/{name}") is not { } inode)
            {
                foreach (uint below in Recovered(client, $"{folder}/{name.TrimEnd('/')}"))
                    yield return below;
                continue;
            }
            byte[] bytes = new byte[inode.LengthBytes];
            inode.Read(0, bytes);
            yield return Crc32C.Of(bytes);
        }
    }
}
