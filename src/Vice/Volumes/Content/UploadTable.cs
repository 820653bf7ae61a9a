using Afs.Rpc;
using Afs.Wire;

namespace Afs.Vice.Volumes.Content;

/// <summary>
/// Uploads of all clients, from their first byte until a file has them or they are too old. Bounded in number and bytes for each
/// client. Safe for concurrent use.
/// </summary>
public sealed class UploadTable(TimeProvider time)
{
    public const int MostPerClient = 128;

    public const long MostBytesPerClient = 4 * Limits.FileBytes;

    /// <summary>For how long a content without a file is kept.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    private readonly Lock _lock = new();
    private readonly Dictionary<(ClientId, UploadId), StagedUpload> _staged = [];
    private readonly Dictionary<ClientId, (int Count, long Bytes)> _use = [];

    /// <summary>Uploads under way or staged.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
                return _use.Values.Sum(use => use.Count);
        }
    }

    /// <summary>Room for one more of this client. False: it has enough. Each true is followed by one <see cref="Release"/>, or by <see cref="Stage"/>.</summary>
    public bool TryReserve(ClientId client, long lengthBytes)
    {
        lock (_lock)
        {
            (int count, long bytes) = _use.GetValueOrDefault(client);
            if (count >= MostPerClient || bytes + lengthBytes > MostBytesPerClient)
                return false;
            _use[client] = (count + 1, bytes + lengthBytes);
            return true;
        }
    }

    public void Release(ClientId client, long lengthBytes)
    {
        lock (_lock)
            ReleaseLocked(client, lengthBytes);
    }

    /// <summary>The upload is whole. The value is an earlier one of the same id, whose content the caller deletes; null if there was none, or a file is getting it.</summary>
    public StagedUpload? Stage(StagedUpload upload)
    {
        lock (_lock)
        {
            _staged.Remove((upload.Client, upload.Upload), out StagedUpload? earlier);
            _staged.Add((upload.Client, upload.Upload), upload);
            if (earlier is null)
                return null;
            ReleaseLocked(earlier.Client, earlier.LengthBytes);
            return earlier.IsTaken ? null : earlier;
        }
    }

    /// <summary>For a mutation: nobody else gets it. Null: there is none, or another mutation has it.</summary>
    public StagedUpload? Take(ClientId client, UploadId id)
    {
        lock (_lock)
        {
            if (!_staged.TryGetValue((client, id), out StagedUpload? upload) || upload.IsTaken)
                return null;
            upload.IsTaken = true;
            return upload;
        }
    }

    /// <summary>The mutation was refused, or its commit failed.</summary>
    public void GiveBack(StagedUpload upload)
    {
        lock (_lock)
            upload.IsTaken = false;
    }

    /// <summary>A file has it.</summary>
    public void Finish(StagedUpload upload)
    {
        lock (_lock)
        {
            if (!_staged.TryGetValue((upload.Client, upload.Upload), out StagedUpload? staged) || !ReferenceEquals(staged, upload))
                return;
            _staged.Remove((upload.Client, upload.Upload));
            ReleaseLocked(upload.Client, upload.LengthBytes);
        }
    }

    /// <summary>Takes out what no mutation came for. The caller deletes the contents.</summary>
    public IReadOnlyList<StagedUpload> TakeExpired()
    {
        lock (_lock)
        {
            List<StagedUpload> expired = [.. _staged.Values.Where(u => !u.IsTaken && time.GetElapsedTime(u.StagedAt) >= Patience)];
            foreach (StagedUpload upload in expired)
            {
                _staged.Remove((upload.Client, upload.Upload));
                ReleaseLocked(upload.Client, upload.LengthBytes);
            }
            return expired;
        }
    }

    private void ReleaseLocked(ClientId client, long lengthBytes)
    {
        (int count, long bytes) = _use[client];
        if (count == 1)
            _use.Remove(client);
        else
            _use[client] = (count - 1, bytes - lengthBytes);
    }

    /// <summary>INVARIANT: what is staged is counted, with its client, and no client has more than it may.</summary>
    public void CheckInvariants()
    {
        lock (_lock)
        {
            foreach ((ClientId client, (int count, long bytes)) in _use)
            {
                List<StagedUpload> staged = [.. _staged.Values.Where(upload => upload.Client == client)];
                if (count < Math.Max(1, staged.Count) || count > MostPerClient || bytes < staged.Sum(static upload => upload.LengthBytes) || bytes > MostBytesPerClient)
                    throw new InvalidOperationException($"Upload table: client {client} has {count} uploads of {bytes} bytes, {staged.Count} of them staged.");
            }
            if (_staged.Any(pair => pair.Key != (pair.Value.Client, pair.Value.Upload) || !_use.ContainsKey(pair.Value.Client)))
                throw new InvalidOperationException("Upload table: an upload is staged that isn't counted.");
        }
    }
}
