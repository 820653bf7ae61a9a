using Afs.Fuse;

namespace Afs.Venus.Vfs;

/// <summary>Records of a <see cref="HandleTable{T}"/>, one for each of its slots. Called under the table's lock.</summary>
internal interface IHandleRecords<T>
{
    void Put(int index, FileHandle handle, T value);

    void Clear(int index);
}
