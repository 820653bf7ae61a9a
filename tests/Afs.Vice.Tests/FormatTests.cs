using Afs.Vice.Tests.Harness;
using Afs.Wire;
using SQLitePCL;

namespace Afs.Vice.Tests;

/// <summary>Databases of older programs.</summary>
public class FormatTests
{
    private const string AsOfFormat1 = """
        ALTER TABLE contents DROP COLUMN base;
        ALTER TABLE kept DROP COLUMN base;
        PRAGMA user_version = 1;
        """;

    [Fact]
    public async Task A_database_of_format_1_is_brought_up_with_all_that_it_holds()
    {
        using var cell = new TestCell(StoreKind.Sqlite);
        TestClient a = await cell.ConnectAsync();
        Fid f = await a.MakeAsync(await a.RootAsync(), "f");
        byte[] content = new byte[100_000];
        content[0] = 7;
        await a.UploadAsync(new UploadId(1), f.Volume, content);
        await a.StoreUploadAsync(f, new UploadId(1), content, 1);
        cell.Restart(path => Execute(path, AsOfFormat1));
        a.Attach();
        Assert.Equal(content, (await a.DownloadAsync(f, 2)).Value);
    }

    private static void Execute(string path, string sql)
    {
        Assert.Equal(raw.SQLITE_OK, raw.sqlite3_open(path, out sqlite3 database));
        using (database)
            Assert.Equal(raw.SQLITE_OK, raw.sqlite3_exec(database, sql));
    }
}
