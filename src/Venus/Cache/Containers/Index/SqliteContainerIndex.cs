using System.Threading.Channels;
using Afs.Platform;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;
using SQLitePCL;

namespace Afs.Venus.Cache;

/// <summary>
/// The index in SQLite, write-ahead log, synchronous=NORMAL: a commit is a write to the log without a wait for the disk, so it survives a crash
/// of this process, but perhaps not one of the machine. One loop owns the one connection and commits whatever waits in one transaction.
/// </summary>
internal sealed partial class SqliteContainerIndex : IContainerIndex
{
    /// <summary>Changes in one transaction. The queue is bounded by the number of containers, whose opens and stores make the changes.</summary>
    private const int MostPerCommit = 1024;

    private const int FormatVersion = 1;

    private readonly SqliteConnection _connection;
    private readonly ContainerRowWriter _rows;
    private readonly ILogger _log;
    private readonly Channel<IndexChange> _changes = Channel.CreateUnbounded<IndexChange>(new() { SingleReader = true });
    private readonly Task _writing;

    private SqliteContainerIndex(SqliteConnection connection, ILogger log)
    {
        _connection = connection;
        _log = log;
        _rows = new ContainerRowWriter(connection);
        _writing = WriteAsync();
    }

    /// <summary>Opens or makes the database.</summary>
    /// <exception cref="DiskException">It can't be opened, or is damaged, or of a newer format.</exception>
    public static SqliteContainerIndex Open(string path, ILogger log)
    {
        SystemSqlite.Use();
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false }.ToString());
        try
        {
            connection.Open();
            Execute(connection, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA locking_mode=EXCLUSIVE;");
            if (Scalar(connection, "PRAGMA quick_check(1)") is not "ok")
                throw new DiskException(DiskFailure.Failed, $"{path}: the database is damaged.");
            long format = (long)Scalar(connection, "PRAGMA user_version")!;
            if (format > FormatVersion)
                throw new DiskException(DiskFailure.Failed, $"{path}: format {format} is newer than this program's {FormatVersion}.");
            Execute(connection, ContainerRowMapping.Schema + $"PRAGMA user_version={FormatVersion};");
            return new SqliteContainerIndex(connection, log);
        }
        catch (SqliteException e)
        {
            connection.Dispose();
            throw SqliteDiskErrors.Translate(e);
        }
        catch (DiskException)
        {
            connection.Dispose();
            throw;
        }
    }

    public IReadOnlyList<ContainerRecord> Load()
    {
        using SqliteCommand command = _connection.CreateCommand();
        command.CommandText = "SELECT * FROM containers";
        using SqliteDataReader rows = command.ExecuteReader();
        var records = new List<ContainerRecord>();
        while (rows.Read())
            records.Add(ContainerRowMapping.Read(rows));
        return records;
    }

    public async ValueTask PutAsync(ContainerRecord record, bool outlastsPowerLoss = false) => await EnqueueAndWait(record, record.Id, outlastsPowerLoss);

    public void PutLater(ContainerRecord record, bool outlastsPowerLoss = false) =>
        _changes.Writer.TryWrite(new IndexChange(record, record.Id, null, outlastsPowerLoss));

    public void DeleteLater(ContainerId id) => _changes.Writer.TryWrite(new IndexChange(null, id, null));

    public async ValueTask FlushAsync() => await EnqueueAndWait(null, default);

    public async ValueTask DisposeAsync()
    {
        _changes.Writer.TryComplete();
        await _writing;
        _rows.Dispose();
        await _connection.DisposeAsync();
    }

    private Task EnqueueAndWait(ContainerRecord? record, ContainerId id, bool outlastsPowerLoss = false)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        if (!_changes.Writer.TryWrite(new IndexChange(record, id, done, outlastsPowerLoss)))
            done.SetException(new DiskException(DiskFailure.Failed, "The index is closed."));
        return done.Task;
    }

    private async Task WriteAsync()
    {
        var batch = new List<IndexChange>();
        while (await _changes.Reader.WaitToReadAsync())
        {
            batch.Clear();
            while (batch.Count < MostPerCommit && _changes.Reader.TryRead(out IndexChange change))
                batch.Add(change);
            try
            {
                Commit(batch);
                foreach (IndexChange change in batch)
                    change.Done?.SetResult();
            }
            catch (SqliteException e)
            {
                DiskException failure = SqliteDiskErrors.Translate(e);
                LogCommitFailed(failure.Message, batch.Count);
                foreach (IndexChange change in batch)
                    change.Done?.SetException(failure);
            }
        }
    }

    /// <summary>With FULL the commit waits until the log is on the disk, with all that earlier commits wrote to it.</summary>
    private void Commit(List<IndexChange> batch)
    {
        bool outlastsPowerLoss = batch.Exists(static change => change.OutlastsPowerLoss);
        if (outlastsPowerLoss)
            Execute(_connection, "PRAGMA synchronous=FULL");
        try
        {
            CommitInOne(batch);
        }
        finally
        {
            if (outlastsPowerLoss)
                Execute(_connection, "PRAGMA synchronous=NORMAL");
        }
    }

    private void CommitInOne(List<IndexChange> batch)
    {
        Execute(_connection, "BEGIN IMMEDIATE");
        try
        {
            foreach (IndexChange change in batch)
            {
                if (change.Put is { } record)
                    _rows.Put(record);
                else if (change.Id != default)
                    _rows.Delete(change.Id);
            }
            Execute(_connection, "COMMIT");
        }
        catch (SqliteException)
        {
            RollBack();
            throw;
        }
    }

    /// <summary>Where the disk is full or fails SQLite often has rolled back by itself (https://www.sqlite.org/lang_transaction.html, section 3.1).</summary>
    private void RollBack()
    {
        if (raw.sqlite3_get_autocommit(_connection.Handle) == 0)
            Execute(_connection, "ROLLBACK");
    }

    private static void Execute(SqliteConnection connection, string sql)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private static object? Scalar(SqliteConnection connection, string sql)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar();
    }

    [LoggerMessage(EventId = 210, Level = LogLevel.Error, Message = "{Count} changes of the cache's index failed: {Reason}")]
    private partial void LogCommitFailed(string reason, int count);
}
