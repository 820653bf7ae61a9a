using System.Text;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Tests;

/// <summary>A volume that changes are applied to, as simple as can be: what each would do at the server, or that it can't.</summary>
internal sealed class ChangeModel
{
    private static readonly StatusFields[] Fields = [StatusFields.Mode, StatusFields.Uid, StatusFields.Gid, StatusFields.AccessTime, StatusFields.ModifyTime];

    private readonly Dictionary<Fid, Vnode> _vnodes = new() { [TestChanges.Root] = new Vnode { IsDirectory = true } };
    private readonly SortedDictionary<string, Fid> _names = new(StringComparer.Ordinal);

    /// <summary>False: it can't be done, and nothing was.</summary>
    /// <param name="time">The change's own time.</param>
    public bool TryApply(Change change, int time)
    {
        bool isThere = _vnodes.TryGetValue(change.Object, out Vnode? vnode);
        switch (change.Kind)
        {
            case ChangeKind.Create when !isThere && IsFree(change.Parent, change.Name):
                _vnodes[change.Object] = new Vnode { IsDirectory = IsOfDirectory(change), Time = time };
                Name(change.Parent, change.Name, change.Object, time);
                return true;
            case ChangeKind.Link when isThere && IsFree(change.Parent, change.Name):
                vnode!.Time = time;
                Name(change.Parent, change.Name, change.Object, time);
                return true;
            case ChangeKind.Remove when isThere && At(change.Parent, change.Name) == change.Object:
            case ChangeKind.RemoveDirectory when isThere && At(change.Parent, change.Name) == change.Object && !_names.Keys.Any(key => key.StartsWith($"{change.Object}/", StringComparison.Ordinal)):
                vnode!.Time = time;
                Unname(change.Parent, change.Name, time);
                return true;
            case ChangeKind.Rename when isThere && At(change.Parent, change.Name) == change.Object && _vnodes.ContainsKey(change.NewParent) && At(change.NewParent, change.NewName) == change.Other:
                vnode!.Time = time;
                if (change.Other != default)
                    Unname(change.NewParent, change.NewName, time);
                _names.Remove(Key(change.Parent, change.Name));
                _vnodes[change.Parent].Names = time;
                Name(change.NewParent, change.NewName, change.Object, time);
                return true;
            case ChangeKind.StoreContent when isThere:
                (vnode!.Content, vnode.ContentTime, vnode.Time) = (change.Content, time, time);
                vnode.Status[StatusFields.ModifyTime] = time;
                return true;
            case ChangeKind.StoreStatus when isThere:
                vnode!.Time = time;
                foreach (StatusFields field in Fields.Where(field => (change.Fields & field) != 0))
                    vnode.Status[field] = time;
                return true;
            case ChangeKind.StoreXattr when isThere:
                vnode!.Time = time;
                vnode.Xattrs[Encoding.UTF8.GetString(change.Name.Span)] = time;
                return true;
            default:
                return false;
        }
    }

    /// <summary>All of it, to be compared.</summary>
    public override string ToString() => string.Join('\n',
        _vnodes.OrderBy(static v => v.Key.Vnode.Value).Select(static v => $"{v.Key}: {v.Value}").Concat(_names.Select(static name => $"{name.Key} = {name.Value}")));

    /// <summary>Some change that can be done now; directories are renamed within their own only, and never replaced.</summary>
    public Change Choose(Random random, int number)
    {
        Fid[] directories = [.. _vnodes.Where(static v => v.Value.IsDirectory).Select(static v => v.Key)];
        while (true)
        {
            Fid directory = directories[random.Next(directories.Length)], to = directories[random.Next(directories.Length)];
            string name = $"n{random.Next(4)}", newName = $"n{random.Next(4)}";
            Fid there = At(directory, Bytes(name)), other = At(to, Bytes(newName));
            bool isFile = there != default && !_vnodes[there].IsDirectory;
            Change? change = random.Next(11) switch
            {
                0 or 1 or 2 when there == default => TestChanges.Create(TestChanges.Fid(100 + number), directory, name, salt: random.Next(4) == 0 ? 1 : 0),
                3 or 4 when isFile => TestChanges.Remove(there, directory, name),
                3 or 4 when there != default => TestChanges.RemoveDirectory(there, directory, name),
                5 when isFile && other == default => TestChanges.Link(there, to, newName),
                6 when isFile && other != there && (other == default || !_vnodes[other].IsDirectory) => TestChanges.Rename(there, directory, name, to, newName, other),
                6 when there != default && !isFile && At(directory, Bytes(newName)) == default => TestChanges.Rename(there, directory, name, directory, newName),
                7 or 8 when isFile => TestChanges.Store(there, number + 1),
                9 when there != default => TestChanges.Status(there, Fields[random.Next(5)] | Fields[random.Next(5)], number),
                10 when there != default => TestChanges.Xattr(there, name),
                _ => null,
            };
            if (change is not null)
                return change with { Caller = random.Next(6) == 0 ? TestChanges.Bob : TestChanges.Alice, IsFence = random.Next(25) == 0 };
        }
    }

    private bool IsFree(Fid parent, ReadOnlyMemory<byte> name) => _vnodes.ContainsKey(parent) && At(parent, name) == default;

    private Fid At(Fid parent, ReadOnlyMemory<byte> name) => _names.GetValueOrDefault(Key(parent, name));

    private void Name(Fid parent, ReadOnlyMemory<byte> name, Fid fid, int time)
    {
        _names.Add(Key(parent, name), fid);
        _vnodes[parent].Names = time;
    }

    /// <summary>What has no name left is gone.</summary>
    private void Unname(Fid parent, ReadOnlyMemory<byte> name, int time)
    {
        _names.Remove(Key(parent, name), out Fid fid);
        _vnodes[parent].Names = time;
        _vnodes[fid].Time = time;
        if (!_names.ContainsValue(fid))
            _vnodes.Remove(fid);
    }

    /// <summary>The request says it, and here the salt.</summary>
    private static bool IsOfDirectory(Change change) => change.Request.Length == 5;

    private static byte[] Bytes(string name) => Encoding.UTF8.GetBytes(name);

    private static string Key(Fid parent, ReadOnlyMemory<byte> name) => $"{parent}/{Encoding.UTF8.GetString(name.Span)}";

    private sealed class Vnode
    {
        public bool IsDirectory { get; init; }

        public ChangedContent Content { get; set; }

        public int ContentTime { get; set; }

        public int Time { get; set; }

        /// <summary>When its names last changed.</summary>
        public int Names { get; set; }

        public SortedDictionary<StatusFields, int> Status { get; } = [];

        public SortedDictionary<string, int> Xattrs { get; } = new(StringComparer.Ordinal);

        public override string ToString() =>
            $"{Content} at {ContentTime}, changed {Time}, names {Names}, {string.Join(',', Status)}, {string.Join(',', Xattrs)}";
    }
}
