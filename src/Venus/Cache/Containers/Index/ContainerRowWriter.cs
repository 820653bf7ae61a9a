using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Afs.Venus.Cache;

/// <summary>Writes batches, each in a transaction of its own, by statements that are prepared once. Used by one thread at a time.</summary>
internal sealed class ContainerRowWriter : IDisposable
{
    private readonly sqlite3 _database;
    private readonly sqlite3_stmt _begin, _commit, _rollBack, _put, _delete, _full, _normal;

    public ContainerRowWriter(SqliteConnection connection)
    {
        _database = connection.Handle!;
        _begin = Prepare("BEGIN IMMEDIATE");
        _commit = Prepare("COMMIT");
        _rollBack = Prepare("ROLLBACK");
        _put = Prepare(ContainerRowMapping.Put);
        _delete = Prepare("DELETE FROM containers WHERE id = ?");
        _full = Prepare("PRAGMA synchronous=FULL");
        _normal = Prepare("PRAGMA synchronous=NORMAL");
    }

    /// <summary>All of it or nothing. Where it must outlast a loss of power, the commit waits until the log is on the disk, with all that earlier ones wrote to it.</summary>
    /// <exception cref="SqliteException">Nothing was changed.</exception>
    public void Write(IndexBatch batch)
    {
        if (!batch.OutlastsPowerLoss)
        {
            WriteInOne(batch);
            return;
        }
        Run(_full);
        try
        {
            WriteInOne(batch);
        }
        finally
        {
            Run(_normal);
        }
    }

    public void Dispose()
    {
        foreach (sqlite3_stmt statement in (sqlite3_stmt[])[_begin, _commit, _rollBack, _put, _delete, _full, _normal])
            statement.Dispose();
    }

    private void WriteInOne(IndexBatch batch)
    {
        Run(_begin);
        try
        {
            foreach ((ContainerId id, ContainerRecord? record) in batch.Rows)
            {
                if (record is null)
                    Delete(id);
                else
                    Put(record);
            }
            Run(_commit);
        }
        catch (SqliteException)
        {
            RollBack();
            throw;
        }
    }

    private void Put(ContainerRecord record)
    {
        ContainerRowMapping.Bind(_database, _put, record);
        Run(_put);
    }

    private void Delete(ContainerId id)
    {
        Check(raw.sqlite3_bind_int64(_delete, 1, (long)id.Value));
        Run(_delete);
    }

    /// <summary>Where the disk is full or fails SQLite often has rolled back by itself (https://www.sqlite.org/lang_transaction.html, section 3.1).</summary>
    private void RollBack()
    {
        if (raw.sqlite3_get_autocommit(_database) == 0)
            Run(_rollBack);
    }

    private sqlite3_stmt Prepare(string sql)
    {
        Check(raw.sqlite3_prepare_v3(_database, sql, raw.SQLITE_PREPARE_PERSISTENT, out sqlite3_stmt statement));
        return statement;
    }

    private void Run(sqlite3_stmt statement)
    {
        int code = raw.sqlite3_step(statement);
        while (code == raw.SQLITE_ROW)
            code = raw.sqlite3_step(statement);
        try
        {
            if (code != raw.SQLITE_DONE)
                Check(code);
        }
        finally
        {
            raw.sqlite3_reset(statement);
        }
    }

    private void Check(int code) => SqliteException.ThrowExceptionForRC(code, _database);
}
