using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>The cache manager, as Vfs sees it: one mounted volume. Its parts are separate types; this only holds them together.</summary>
public interface ICacheManager
{
    Fid Root { get; }

    IStatusCache Statuses { get; }

    IDirectoryCache Directories { get; }

    IContentCache Contents { get; }

    IFileOperations Operations { get; }

    /// <summary>Set once, before the first operation.</summary>
    void AttachKernel(IKernelCaches kernel);
}
