using System.Runtime.InteropServices;

namespace Afs.Platform;

/// <summary>
/// Makes Microsoft.Data.Sqlite use the distribution's maintained libsqlite3, instead of a copy in a package.
/// Call <see cref="Use"/> once before the first connection.
/// </summary>
public static class SystemSqlite
{
    private static readonly Lock Gate = new();
    private static bool _isSet;

    /// <exception cref="DllNotFoundException">libsqlite3 isn't installed; the message says how to install it.</exception>
    public static void Use()
    {
        lock (Gate)
        {
            if (_isSet)
                return;
            NativeLibrary.SetDllImportResolver(typeof(SQLitePCL.SQLite3Provider_e_sqlite3).Assembly, Resolve);
            SQLitePCL.raw.SetProvider(new SQLitePCL.SQLite3Provider_e_sqlite3());
            _isSet = true;
        }
    }

    private static nint Resolve(string name, System.Reflection.Assembly assembly, DllImportSearchPath? path)
    {
        if (name != "e_sqlite3")
            return 0;
        if (NativeLibrary.TryLoad("libsqlite3.so.0", out nint library))
            return library;
        throw new DllNotFoundException("libsqlite3.so.0 is missing. Install it: apt-get install libsqlite3-0");
    }
}
