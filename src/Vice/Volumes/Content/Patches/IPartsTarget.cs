namespace Afs.Vice.Volumes.Content;

/// <summary>The new content file that parts go into. Failures throw <see cref="Afs.Platform.DiskException"/>.</summary>
internal interface IPartsTarget
{
    /// <summary>The whole content file that the new one needs; <see cref="ObjectId.None"/> where it is whole itself.</summary>
    ObjectId Base { get; }

    /// <summary>Bytes of one extent, at their offset in the content.</summary>
    void Write(long offset, ReadOnlySpan<byte> data);

    /// <summary>All parts came: adds what they leave out. May take as long as copying the whole content.</summary>
    void Finish();
}
