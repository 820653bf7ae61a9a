using Afs.Venus.Cache;
using Microsoft.Win32.SafeHandles;

namespace Afs.Venus.Tests;

/// <summary>A container's descriptor as a process of this client has it: it stays open, since the cache of a test has fewer files than may stay open.</summary>
internal static class ContainerHandles
{
    extension(IContainer container)
    {
        public SafeFileHandle Handle
        {
            get
            {
                using BorrowedHandle borrowed = container.Borrow();
                return borrowed.File;
            }
        }
    }
}
