using Afs.Bench.Macro.Cells;
using Afs.Bench.Macro.Machine;
using Afs.Bench.Macro.Measuring;
using Afs.Bench.Macro.Places;
using Afs.Platform;
using Microsoft.Data.Sqlite;

namespace Afs.Bench.Macro.Workloads;

/// <summary>Small commits in a large SQLite database, each made durable with fsync, with either kind of journal.</summary>
public sealed class DatabaseWorkload(WorkContext context) : Workload(context)
{
    private const int RowBytes = 100_000;

    private static readonly JournalMode[] Modes = [new JournalMode("DELETE", "rollback journal"), new JournalMode("WAL", "WAL")];

    public override string Name => "database";

    public override string About => "small commits in a large SQLite database: time and bytes on the wire";

    public override void Prepare(Place place)
    {
        SystemSqlite.Use();
        using SqliteConnection connection = Open(place);
        Execute(connection, "CREATE TABLE rows (id INTEGER PRIMARY KEY, number INTEGER, content BLOB)");
        long rows = Context.Sizes.DatabaseBytes / RowBytes;
        Execute(connection, $"""
            WITH RECURSIVE ids(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM ids WHERE id < {rows})
            INSERT INTO rows SELECT id, 0, randomblob({RowBytes}) FROM ids
            """);
    }

    public override void Run(Place place, Recorder record)
    {
        foreach (JournalMode mode in Modes)
        {
            using SqliteConnection connection = Open(place);
            Execute(connection, $"PRAGMA journal_mode={mode.Pragma}");
            Execute(connection, "PRAGMA synchronous=FULL");
            Commit(connection, 1);
            PageCache.Settle();
            int commits = Context.Sizes.Commits;
            CellFigures? used = place.Meter(() => record.Time(mode.CommitTime, () => CommitAll(connection, commits), commits));
            if (used?.WireBytes is { } bytes)
                record.Add(mode.OnWire, 100.0 * bytes / commits / Context.Sizes.DatabaseBytes);
        }
    }

    private SqliteConnection Open(Place place)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder
        {
            DataSource = Path.Combine(FolderOf(place), "large.db"),
            Pooling = false,
        }.ToString());
        connection.Open();
        return connection;
    }

    private static void CommitAll(SqliteConnection connection, int commits)
    {
        for (int i = 0; i < commits; i++)
            Commit(connection, 1 + i);
    }

    private static void Commit(SqliteConnection connection, int row) =>
        Execute(connection, $"UPDATE rows SET number = number + 1 WHERE id = {row}");

    private static void Execute(SqliteConnection connection, string sql)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private sealed class JournalMode(string pragma, string name)
    {
        public string Pragma { get; } = pragma;

        public Measure CommitTime { get; } = new($"small commit, {name}", Goal: Goal.AtMost(0.050));

        public Measure OnWire { get; } = new($"bytes on the wire per commit, {name}, of the file's", Unit.Percent, Goal.AtMost(2));
    }
}
