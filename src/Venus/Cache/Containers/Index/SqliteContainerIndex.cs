using Afs.Platform;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;

namespace Afs.Venus.Cache;

/// <summary>
/// The index in SQLite, write-ahead log, synchronous=NORMAL: a commit is a write to the log without a wait for the disk, so it survives a crash
/// of this process, but perhaps not one of the machine. Whoever needs a change made commits all that waits, in one transaction, on his own thread: no
/// change of threads stands between an open for writing and its mark. What nobody waits for goes along, or follows after <see cref="Delay"/>.
///
/// INVARIANT: the connection is used by the one who has the turn (<c>_isCommitting</c>, under the lock), which is held across no other lock.
/// </summary>
internal sealed partial class SqliteContainerIndex : IContainerIndex, IThreadPoolWorkItem
{
    /// <summary>How long a change waits for others that nobody waits for either.</summary>
    public static readonly TimeSpan Delay = TimeSpan.FromMilliseconds(50);

    private readonly Lock _lock = new();
    private readonly SqliteConnection _connection;
    private readonly ContainerRowWriter _rows;
    private readonly ITimer _timer;
    private readonly ILogger _log;
    private IndexBatch _waiting = new();
    private bool _isCommitting;
    private bool _isTimed;
    private bool _isClosed;

    private SqliteContainerIndex(SqliteConnection connection, TimeProvider time, ILogger log)
    {
        _connection = connection;
        _log = log;
        _rows = new ContainerRowWriter(connection);
        _timer = time.CreateTimer(static index => ((SqliteContainerIndex)index!).CommitTimed(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Opens or makes the database.</summary>
    /// <exception cref="DiskException">It can't be opened, or is damaged, or of a newer format.</exception>
    public static SqliteContainerIndex Open(string path, TimeProvider time, ILogger log)
    {
        SqliteConnection connection = CacheDatabase.Open(path, ContainerRowMapping.FormatVersion, ContainerRowMapping.Schema);
        try
        {
            return new SqliteContainerIndex(connection, time, log);
        }
        catch (SqliteException e)
        {
            connection.Dispose();
            throw SqliteDiskErrors.Translate(e);
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

    public ValueTask PutAsync(ContainerRecord record, bool outlastsPowerLoss = false)
    {
        lock (_lock)
        {
            if (_isClosed)
                return ValueTask.FromException(new DiskException(DiskFailure.Failed, "The index is closed."));
            Add(record.Id, record, outlastsPowerLoss);
            return new ValueTask(_waiting.WhenMade());
        }
    }

    public void PutLater(ContainerRecord record, bool outlastsPowerLoss = false)
    {
        lock (_lock)
            Add(record.Id, record, outlastsPowerLoss);
    }

    public void DeleteLater(ContainerId id)
    {
        lock (_lock)
            Add(id, null, outlastsPowerLoss: false);
    }

    public void Commit()
    {
        lock (_lock)
        {
            // Whoever commits looks again afterwards for what is urgent.
            if (_isCommitting || _waiting.IsEmpty)
                return;
            _isCommitting = true;
            if (_waiting.OutlastsPowerLoss)
            {
                CommitElsewhere();
                return;
            }
        }
        CommitOne();
    }

    public async ValueTask FlushAsync()
    {
        Task made;
        lock (_lock)
            made = _waiting.WhenMade();
        Commit();
        await made;
    }

    public async ValueTask DisposeAsync()
    {
        Task made;
        lock (_lock)
        {
            _isClosed = true;
            made = _waiting.WhenMade();
        }
        Commit();
        await made;
        await _timer.DisposeAsync();
        _rows.Dispose();
        await _connection.DisposeAsync();
    }

    void IThreadPoolWorkItem.Execute() => CommitOne();

    /// <summary>Under the lock. What comes after the end is for the next daemon to find out.</summary>
    private void Add(ContainerId id, ContainerRecord? record, bool outlastsPowerLoss)
    {
        if (_isClosed)
            return;
        _waiting.Set(id, record, outlastsPowerLoss);
        if (outlastsPowerLoss && !_isCommitting)
        {
            _isCommitting = true;
            CommitElsewhere();
        }
        else
        {
            SetTimer();
        }
    }

    private void SetTimer()
    {
        if (_isTimed)
            return;
        _isTimed = true;
        _timer.Change(Delay, Timeout.InfiniteTimeSpan);
    }

    private void CommitTimed()
    {
        lock (_lock)
        {
            _isTimed = false;
            if (_isCommitting || _waiting.IsEmpty)
                return; // Who commits sees to what is left.
            _isCommitting = true;
        }
        CommitOne();
    }

    private void CommitElsewhere() => ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);

    /// <summary>By the one who has the turn, which goes on elsewhere if more is urgent by then.</summary>
    private void CommitOne()
    {
        IndexBatch batch;
        lock (_lock)
            (batch, _waiting) = (_waiting, new IndexBatch());
        DiskException? failure = TryWrite(batch);
        lock (_lock)
        {
            _isCommitting = _waiting.IsUrgent;
            if (_isCommitting)
                CommitElsewhere();
            else if (!_waiting.IsEmpty)
                SetTimer();
        }
        batch.Complete(failure);
    }

    private DiskException? TryWrite(IndexBatch batch)
    {
        if (batch.Rows.Count == 0)
            return null;
        try
        {
            _rows.Write(batch);
            return null;
        }
        catch (SqliteException e)
        {
            DiskException failure = SqliteDiskErrors.Translate(e);
            LogCommitFailed(failure.Message, batch.Rows.Count);
            return failure;
        }
    }

    [LoggerMessage(EventId = 210, Level = LogLevel.Error, Message = "{Count} changes of the cache's index failed: {Reason}")]
    private partial void LogCommitFailed(string reason, int count);
}
