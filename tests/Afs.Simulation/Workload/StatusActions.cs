using System.Buffers.Binary;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Simulation;

/// <summary>What an application does with what goes along with a file: chmod, chown, utimensat, xattrs and access lists. Each change has a number in it, by which the model knows it again.</summary>
internal sealed class StatusActions(SimMount mount, Random random)
{
    private static readonly byte[] PlainName = "user.sim"u8.ToArray();

    private Model Model => mount.Model;

    /// <summary>Mode, owner and times, in any choice; the owner always, for it says whose change it is.</summary>
    public async Task<Failure> SetStatusAsync(string path)
    {
        Result<Fid> found = await FindAsync(path);
        if (!found.IsSuccess || found.Value == default)
            return found.Failure;
        Fid fid = found.Value;
        int id = Model.NewId();
        StatusFields fields = StatusFields.Uid;
        foreach (StatusFields other in (StatusFields[])[StatusFields.Mode, StatusFields.Gid, StatusFields.AccessTime, StatusFields.ModifyTime])
            fields |= random.Next(2) == 0 ? other : StatusFields.None;
        var request = new StoreStatusRequest
        {
            Fid = fid,
            Fields = fields,
            Mode = (uint)random.Next(0x200),
            Uid = (uint)id,
            Gid = (uint)id,
            AccessTime = new Timestamp(id, 1),
            ModifyTime = new Timestamp(id, 2),
            ChangeTime = mount.Manager.Operations.Now,
        };
        Operation operation = Model.Begin(id, mount.Number, $"set {fields} of {path}", m => m.IsOfStatus(fid) && m.Statuses[0].Uid == id && m.Statuses[0].ChangeTime == request.ChangeTime, fid.Vnode.Value, Touching(fid));
        Result<FetchStatus> changed = await mount.Manager.Operations.SetStatusAsync(request, default);
        End(operation, fid, changed.Failure);
        return changed.Failure;
    }

    /// <summary>Sets an xattr, removes it, or sets an access list.</summary>
    public async Task<Failure> SetXattrAsync(string path)
    {
        Result<Fid> found = await FindAsync(path);
        if (!found.IsSuccess || found.Value == default)
            return found.Failure;
        Fid fid = found.Value;
        int id = Model.NewId();
        bool isList = random.Next(3) == 0;
        byte[] name = isList ? AccessList.AccessName.ToArray() : PlainName;
        byte[]? value = random.Next(4) == 0 ? null : isList ? ListOf(id) : BitConverter.GetBytes(id);
        var request = new StoreXattrRequest { Fid = fid, Name = name, Value = value, ChangeTime = mount.Manager.Operations.Now };
        var write = new XattrWrite(fid.Vnode.Value, Convert.ToHexString(name), value is null ? null : Convert.ToHexString(value));
        Operation operation = Model.Begin(id, mount.Number, $"{(value is null ? "remove" : "set")} an xattr of {path}", m => m.IsOfStatus(fid) && m.Xattrs is [var one] && one == write, fid.Vnode.Value, Touching(fid));
        Failure failure = await mount.Manager.Operations.SetXattrAsync(request, default);
        End(operation, fid, failure);
        return failure;
    }

    /// <summary>Lists all xattrs.</summary>
    public async Task<Failure> ListAsync(string path)
    {
        Result<Fid> found = await FindAsync(path);
        return found.IsSuccess && found.Value != default ? await ListAsync(found.Value) : found.Failure;
    }

    public async Task<Failure> ListAsync(Fid fid)
    {
        Question question = mount.Ask();
        if (!mount.Manager.Operations.TryGetXattrs(fid, out IReadOnlyList<Xattr> xattrs))
        {
            Result<IReadOnlyList<Xattr>> got = await mount.Manager.Operations.GetXattrsAsync(fid, default);
            if (!got.IsSuccess)
                return got.Failure;
            xattrs = got.Value;
        }
        Model.ToldXattrs(mount.Number, fid.Vnode.Value, xattrs, question.Since);
        return Failure.None;
    }

    private async Task<Result<Fid>> FindAsync(string path)
    {
        Result<(Fid Directory, string Name)> at = await mount.WalkAsync(path);
        return at.IsSuccess ? await mount.LookupAsync(at.Value.Directory, at.Value.Name) : at.Failure;
    }

    private static Func<ulong, string?, bool> Touching(Fid fid) => (vnode, name) => name is null && vnode == fid.Vnode.Value;

    /// <summary>Of a file whose last name is gone a client changes what it has of it, and nobody else ever sees that.</summary>
    private void End(Operation operation, Fid fid, Failure failure)
    {
        mount.Host.Tell($"{operation.What} ({operation.Id}): {failure}");
        bool mayBeLocal = failure.IsNone && !Model.History.Exists(fid.Vnode.Value) && (Model.History.WasEver(fid.Vnode.Value) || !Model.Behind.Has(mount.Number));
        Model.End(operation, failure.Kind switch
        {
            FailureKind.None when !mayBeLocal => OperationOutcome.Succeeded,
            FailureKind.None or FailureKind.InDoubt or FailureKind.ShuttingDown => OperationOutcome.InDoubt,
            _ => OperationOutcome.NotDone,
        });
    }

    /// <summary>u::rw-, u:ID:r--, g::r--, m::r--, o::---, as acl(5) and linux/posix_acl_xattr.h have it.</summary>
    private static byte[] ListOf(int id)
    {
        (ushort Tag, ushort Permissions, uint Id)[] entries = [(1, 6, uint.MaxValue), (2, 4, (uint)id), (4, 4, uint.MaxValue), (0x10, 4, uint.MaxValue), (0x20, 0, uint.MaxValue)];
        byte[] list = new byte[4 + (8 * entries.Length)];
        BinaryPrimitives.WriteUInt32LittleEndian(list, 2);
        for (int i = 0; i < entries.Length; i++)
        {
            Span<byte> entry = list.AsSpan(4 + (8 * i));
            BinaryPrimitives.WriteUInt16LittleEndian(entry, entries[i].Tag);
            BinaryPrimitives.WriteUInt16LittleEndian(entry[2..], entries[i].Permissions);
            BinaryPrimitives.WriteUInt32LittleEndian(entry[4..], entries[i].Id);
        }
        return list;
    }
}
