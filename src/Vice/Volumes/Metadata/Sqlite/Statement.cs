using SQLitePCL;

namespace Afs.Vice.Volumes.Metadata.Sqlite;

/// <summary>A prepared statement: values are added in the order of its question marks, then it is run or stepped through.</summary>
internal sealed class Statement(Database database, sqlite3_stmt handle, string sql) : IDisposable
{
    private int _next;

    /// <summary>Ready for a next use.</summary>
    public Statement Start()
    {
        raw.sqlite3_reset(handle);
        _next = 1;
        return this;
    }

    public Statement Add(long value)
    {
        database.Check(raw.sqlite3_bind_int64(handle, _next++, value), sql);
        return this;
    }

    /// <summary>SQLite's integers are signed; the bits are what counts.</summary>
    public Statement Add(ulong value) => Add(unchecked((long)value));

    public Statement Add(byte[]? value)
    {
        int code = value switch
        {
            null => raw.sqlite3_bind_null(handle, _next++),
            { Length: 0 } => raw.sqlite3_bind_zeroblob(handle, _next++, 0),
            _ => raw.sqlite3_bind_blob(handle, _next++, value),
        };
        database.Check(code, sql);
        return this;
    }

    public Statement Add(string value)
    {
        database.Check(raw.sqlite3_bind_text(handle, _next++, value), sql);
        return this;
    }

    /// <summary>True: a row is there.</summary>
    public bool Step()
    {
        int code = raw.sqlite3_step(handle);
        if (code == raw.SQLITE_ROW)
            return true;
        if (code == raw.SQLITE_DONE)
            return false;
        StorageException failure = database.FailureOf(code, sql);
        raw.sqlite3_reset(handle);
        throw failure;
    }

    /// <summary>To the end, for statements without rows.</summary>
    public void Run()
    {
        while (Step())
        {
        }
        Reset();
    }

    /// <summary>Lets go of the row and, in a view, of nothing else.</summary>
    public void Reset() => raw.sqlite3_reset(handle);

    public long Int64(int column) => raw.sqlite3_column_int64(handle, column);

    public ulong UInt64(int column) => unchecked((ulong)raw.sqlite3_column_int64(handle, column));

    public uint UInt32(int column) => unchecked((uint)raw.sqlite3_column_int64(handle, column));

    public string Text(int column) => raw.sqlite3_column_text(handle, column).utf8_to_string();

    /// <summary>A copy.</summary>
    public byte[] Blob(int column) => raw.sqlite3_column_blob(handle, column).ToArray();

    public byte[]? BlobOrNull(int column) =>
        raw.sqlite3_column_type(handle, column) == raw.SQLITE_NULL ? null : Blob(column);

    public void Dispose() => handle.Dispose();
}
