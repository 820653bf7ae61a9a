using System.Text;
using Afs.Venus.Cache;
using Afs.Venus.Callbacks;
using Afs.Wire;

namespace Afs.Simulation;

/// <summary>A mounted client as its applications see it, one life long.</summary>
internal sealed record SimMount(SimClient Client, SimHost Host, TimeProvider Time, CacheManager Manager, SimDiskView Disk, Model Model)
{
    public int Number => Client.Number;

    public required ServerTrust Trust { get; init; }

    public required SimKernel Kernel { get; init; }

    /// <summary>An operation of the caller's flow begins.</summary>
    public Question Ask()
    {
        Manager.BeginOperation();
        return new Question(Model.Now(), Trust, Client.ServesDisconnected);
    }

    /// <summary>Applications that run.</summary>
    public int Applications { get; set; }

    /// <summary>What a name stands for; null: there is no answer. The model judges it.</summary>
    public async Task<Result<Fid>> LookupAsync(Fid directory, string name)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(name);
        Question question = Ask();
        while (true)
        {
            LookupAnswer answer = Manager.Directories.TryLookup(directory, bytes, out Fid child, out _);
            if (answer != LookupAnswer.Unknown)
            {
                Fid found = answer == LookupAnswer.Found ? child : default;
                Model.Named(Number, directory.Vnode.Value, name, found.Vnode.Value, question.Since);
                return found;
            }
            Failure failure = await Manager.Directories.LoadAsync(directory, default);
            if (!failure.IsNone)
                return failure;
        }
    }

    /// <summary>A file path of at most two parts: the directory that it is in.</summary>
    public async Task<Result<(Fid Directory, string Name)>> WalkAsync(string path)
    {
        int slash = path.IndexOf('/');
        if (slash < 0)
            return (Manager.Root, path);
        Result<Fid> directory = await LookupAsync(Manager.Root, path[..slash]);
        if (!directory.IsSuccess)
            return directory.Failure;
        return directory.Value == default ? (Failure)AbortCodes.NameNotFound : (directory.Value, path[(slash + 1)..]);
    }

    /// <summary>Somebody here has it open for writing, and the server may have refused by now what he stored last: that is his version (S2) until he closes it.</summary>
    public bool IsWritten(IContainer container) => Client.Behind is not null && ((ContainerUse)container).Container.HasWriters;

    /// <summary>The file of an open container, as the kernel has it open: also where its name is gone.</summary>
    public SimFile FileOf(IContainer container) => new(Disk, ((SimFile)((ContainerUse)container).Container.File).Inode);
}
