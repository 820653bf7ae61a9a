using Afs.Platform;
using Afs.Wire;

namespace Afs.Bench.Vice;

/// <summary>
/// A file of this run that one caller at a time stores. It knows its current version, as a client does that has it cached, so no store of it is a
/// lost update.
/// </summary>
internal sealed class StoredFile(Fid fid)
{
    private DataVersion _version = new(1);

    public Fid Fid { get; } = fid;

    public Task StoreAsync(LoadClient client, byte[] content) => StoreAsync(client, content.Length, Crc32C.Of(content), content, default);

    public async Task StoreAsync(LoadClient client, long lengthBytes, uint crc32C, byte[]? content, UploadId upload) =>
        _version = await client.StoreAsync(new StoreDataRequest
        {
            Fid = Fid,
            Base = _version,
            LengthBytes = lengthBytes,
            Crc32C = crc32C,
            Content = content,
            Upload = upload,
            AllocatedBytes = lengthBytes,
            ModifyTime = new Timestamp(1_800_000_000, 0),
            ChangeTime = new Timestamp(1_800_000_000, 0),
        });
}
