using System.Runtime.InteropServices;

namespace Afs.Vice.Hosting;

/// <summary>Who this process acts as (geteuid(2)).</summary>
internal static partial class Account
{
    public static uint EffectiveUserId => GetUid();

    public static uint EffectiveGroupId => GetGid();

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint GetUid();

    [LibraryImport("libc", EntryPoint = "getegid")]
    private static partial uint GetGid();
}
