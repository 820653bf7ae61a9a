using System.Text;
using Afs.Rpc;
using Afs.Rules;
using Afs.Vice.Volumes.Metadata;
using Afs.Vice.Volumes.Metadata.Sqlite;
using Afs.Wire;

namespace Afs.Fuzz;

/// <summary>A row of one of the server's tables, which the first byte says: each column any number, text or blob that the table takes.</summary>
internal sealed class ViceRowsTarget : Target
{
    private const int Most = 16;

    private static readonly (string Table, string Columns)[] Tables =
    [
        ("volumes", "itiiii"), ("vnodes", "iiiiiiiiiiiiiiiiiiiiiibi"), ("entries", "iibiii"), ("xattrs", "iibb"), ("contents", "iiiiiibi"),
        ("kept", "iiiiiiiiiibi"), ("unnamed", "iiii"), ("sessions", "iiiii"), ("replies", "iiibi"),
    ];

    private readonly Database _database = Database.Open(":memory:", isReadOnly: false, 1024);
    private readonly View _view;

    public ViceRowsTarget()
    {
        Schema.Prepare(_database);
        _view = new View(_database);
    }

    public override string Name => "vice-rows";

    public override string About => "rows of the server's metadata";

    public override long ShortExecutions => 10_000;

    public override long MostAllocatedBytes(int inputBytes) => 64 * 1024 + 256L * inputBytes;

    public override IEnumerable<byte[]> Seeds() => Enumerable.Range(0, Tables.Length).Select(static table => (byte[])[(byte)table, .. Enumerable.Range(0, 100).Select(static i => (byte)(i % 9 == 0 ? 1 : 0))]);

    public override bool Run(ReadOnlySpan<byte> input)
    {
        if (input.IsEmpty)
            return false;
        (string table, string columns) = Tables[input[0] % Tables.Length];
        var fields = new InputFields(input[1..]);
        try
        {
            Put(table, columns, ref fields);
            ReadAll();
            return true;
        }
        catch (StorageException)
        {
            return false;
        }
        finally
        {
            _database.Execute($"DELETE FROM {table}");
        }
    }

    private void Put(string table, string columns, ref InputFields fields)
    {
        Statement row = _database.Prepare($"INSERT INTO {table} VALUES ({string.Join(", ", columns.Select(static _ => "?"))})");
        foreach (char column in columns)
        {
            // The first byte of a number says how many follow, so that small ones are near.
            _ = column switch
            {
                'i' => row.Add(Number(ref fields)),
                't' => row.Add(Encoding.UTF8.GetString(fields.Take(fields.Byte()))),
                _ => row.Add(fields.Byte() is var length && length == byte.MaxValue ? null : fields.Take(length).ToArray()),
            };
        }
        row.Run();
    }

    private static long Number(ref InputFields fields)
    {
        Span<byte> wide = stackalloc byte[sizeof(long)];
        wide.Clear();
        fields.Take(fields.Byte() % (sizeof(long) + 1)).CopyTo(wide);
        return BitConverter.ToInt64(wide);
    }

    private void ReadAll()
    {
        _view.ReadServer();
        IReadOnlyList<VolumeRecord> volumes = _view.ReadVolumes();
        foreach (VolumeId volume in (VolumeId[])[new(0), new(1), .. volumes.Select(static v => v.Id)])
        {
            _view.FindVolume(volume);
            foreach (FetchStatus status in _view.ReadVnodes(volume, new VnodeNumber(0), Most))
            {
                Holds(Enum.IsDefined(status.Type), "A vnode is of a type that clients know.");
                byte[] bytes = WireCodec.ToBytes(status);
                Holds(WireCodec.FromBytes<FetchStatus>(bytes).Fid == status.Fid, "A status can be sent.");
            }
            foreach (EntryRecord entry in _view.ReadAllEntries(volume, new VnodeNumber(0), [], Most))
                Holds(Enum.IsDefined(entry.Type), "A name is of a type that clients know.");
            foreach ((VnodeNumber vnode, ContentRecord _) in _view.ReadContents(volume, new VnodeNumber(0), Most))
                _view.FindContent(volume, vnode);
            _view.ReadXattrs(volume, new VnodeNumber(1));
        }
        _view.ReadObjects();
        _view.ReadKeptVersions();
        _view.ReadUnnamed();
        foreach (SessionRecord session in _view.ReadSessions())
            _view.FindSession(session.Id);
        _view.FindReply(new SessionId(1), new CallSequence(1));
    }

    private sealed class View(Database database) : SqliteReads(database)
    {
        public override void Dispose()
        {
        }
    }
}
