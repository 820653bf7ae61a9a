using System.Text;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Simulation;

/// <summary>What an application does with names.</summary>
internal sealed class NameActions(SimMount mount)
{
    private Model Model => mount.Model;

    public async Task<Result<Fid>> CreateAsync(string path, FileType type = FileType.Regular)
    {
        Result<(Fid Directory, string Name)> at = await mount.WalkAsync(path);
        if (!at.IsSuccess)
            return at.Failure;
        (Fid directory, string name) = at.Value;
        int id = Model.NewId();
        var request = new CreateRequest
        {
            Parent = directory,
            Name = Encoding.UTF8.GetBytes(name),
            Type = type,
            Mode = 0x1a4,
            // The server stores it with the file, so that the model can tell whose it is.
            Uid = (uint)id,
            Gid = 1,
            Time = mount.Manager.Operations.Now,
        };
        Operation operation = Model.Begin(id, mount.Number, $"create {path}", m => m.Names is [{ Target: > 0 }] && m.Statuses.Any(s => s.Uid == id), 0, Touching(directory.Vnode.Value, name));
        Result<FetchStatus> made = await mount.Manager.Operations.CreateAsync(request, default);
        End(operation, made.Failure);
        return made.IsSuccess ? made.Value.Fid : made.Failure;
    }

    public async Task<Failure> RemoveAsync(string path)
    {
        Result<(Fid Directory, string Name)> at = await mount.WalkAsync(path);
        if (!at.IsSuccess)
            return at.Failure;
        (Fid directory, string name) = at.Value;
        ulong parent = directory.Vnode.Value;
        Operation operation = Model.Begin(
            Model.NewId(), mount.Number, $"remove {path}", m => m.Names is [{ Target: 0 } write] && write.Directory == parent && write.Name == name, 0,
            Touching(parent, name));
        Failure failure = await mount.Manager.Operations.RemoveAsync(directory, Encoding.UTF8.GetBytes(name), isDirectory: false, default);
        End(operation, failure);
        return failure;
    }

    public async Task<Failure> RenameAsync(string from, string to)
    {
        if (from == to)
            return Failure.None;
        Result<(Fid Directory, string Name)> source = await mount.WalkAsync(from);
        Result<(Fid Directory, string Name)> target = await mount.WalkAsync(to);
        if (!source.IsSuccess || !target.IsSuccess)
            return source.IsSuccess ? target.Failure : source.Failure;
        (ulong fromParent, ulong toParent) = (source.Value.Directory.Vnode.Value, target.Value.Directory.Vnode.Value);
        (string fromName, string toName) = (source.Value.Name, target.Value.Name);
        Operation operation = Model.Begin(
            Model.NewId(), mount.Number, $"rename {from} {to}",
            m => m.Names.Exists(w => w.Directory == fromParent && w.Name == fromName && w.Target == 0)
                && m.Names.Exists(w => w.Directory == toParent && w.Name == toName && w.Target > 0),
            0, (vnode, asked) => Touching(fromParent, fromName)(vnode, asked) || Touching(toParent, toName)(vnode, asked));
        Failure failure = await mount.Manager.Operations.RenameAsync(
            source.Value.Directory, Encoding.UTF8.GetBytes(fromName), target.Value.Directory, Encoding.UTF8.GetBytes(toName), RenameMode.Replace, default);
        End(operation, failure);
        return failure;
    }

    /// <summary>Lists the directory that the path is in.</summary>
    public async Task<Failure> ListAsync(string path)
    {
        Result<(Fid Directory, string Name)> at = await mount.WalkAsync(path);
        if (!at.IsSuccess)
            return at.Failure;
        Fid directory = at.Value.Directory;
        Question question = mount.Ask();
        DirectoryListing listing;
        while (!mount.Manager.Directories.TryGetListing(directory, out listing))
        {
            Failure failure = await mount.Manager.Directories.LoadAsync(directory, default);
            if (!failure.IsNone)
                return failure;
        }
        Model.Listed(
            mount.Number, directory.Vnode.Value, listing.Version.Value, listing.Names.Select(static n => (Encoding.UTF8.GetString(n.Name), n.Fid.Vnode.Value)), question.Since);
        return Failure.None;
    }

    private static Func<ulong, string?, bool> Touching(ulong directory, string name) => (vnode, asked) => vnode == directory && (asked is null || asked == name);

    private void End(Operation operation, Failure failure)
    {
        mount.Host.Tell($"{operation.What} ({operation.Id}): {failure}");
        Model.End(operation, failure.Kind switch
        {
            FailureKind.None => OperationOutcome.Succeeded,
            FailureKind.InDoubt or FailureKind.ShuttingDown => OperationOutcome.InDoubt,
            _ => OperationOutcome.NotDone,
        });
    }
}
