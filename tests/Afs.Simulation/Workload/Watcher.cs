using System.Text;
using Afs.Platform;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Simulation;

/// <summary>A process that only looks at what needs no server: what a client believes while it is cut off, it is asked the most.</summary>
internal sealed class Watcher(SimMount mount, Random random, WorkloadOptions options)
{
    private const int MostPauseMs = 200;

    public async Task RunAsync(Func<bool> isOver)
    {
        while (!isOver())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(1, MostPauseMs)), mount.Time);
            Look(options.Paths[random.Next(options.Paths.Count)]);
        }
    }

    private void Look(string path)
    {
        Fid fid = mount.Manager.Root;
        foreach (string name in path.Split('/'))
        {
            Question question = mount.Ask();
            LookupAnswer answer = mount.Manager.Directories.TryLookup(fid, Encoding.UTF8.GetBytes(name), out Fid child, out _);
            if (answer == LookupAnswer.Unknown)
                return;
            Fid found = answer == LookupAnswer.Found ? child : default;
            mount.Model.Named(mount.Number, fid.Vnode.Value, name, found.Vnode.Value, question.Since);
            if (found == default)
                return;
            fid = found;
        }
        LookAt(fid);
    }

    private void LookAt(Fid fid)
    {
        Question question = mount.Ask();
        if (mount.Manager.Statuses.TryGet(fid, out FetchStatus status) && status.LinkCount > 0)
            mount.Model.Told(mount.Number, status, question.Since);
        if (!mount.Manager.Contents.TryOpenForReading(fid, null, out IContainer container))
            return;
        using (container)
        {
            SimFile file = mount.FileOf(container);
            byte[] bytes = new byte[file.LengthBytes];
            file.Read(0, bytes);
            if (!mount.IsWritten(container))
                mount.Model.Read(mount.Number, fid.Vnode.Value, container.BaseVersion, Crc32C.Of(bytes), bytes.Length, question);
        }
    }
}
