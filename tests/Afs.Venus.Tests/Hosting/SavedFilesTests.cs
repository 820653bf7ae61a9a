using Afs.Control;
using Afs.Venus.Hosting;

namespace Afs.Venus.Tests;

/// <summary>Small files of a cache, as somebody else may have left them.</summary>
public sealed class SavedFilesTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("saved-files-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("""{"Original":"a"}""")]
    [InlineData("""{"Name":"../../etc/passwd"}""")]
    [InlineData("""{"Name":".."}""")]
    [InlineData("""{"Name":"a\u0000b"}""")]
    public void ARecoveredFileWhoseDescriptionNamesNone_IsToldByItsDescription(string description)
    {
        string file = Path.Combine(Directory.CreateDirectory(Path.Combine(_folder, "recovered")).FullName, "entry.json");
        File.WriteAllText(file, description);
        RecoveredFile told = Assert.Single(RecoveredFiles.List(_folder));
        Assert.Equal((file, ""), (told.Path, told.Original));
        Assert.NotEmpty(told.Reason);
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(-4096, false)]
    [InlineData(int.MaxValue, false)]
    [InlineData(1 << 20, true)]
    public void AConnectionThatNoDaemonCanHaveMade_IsNotTakenOver(int mostWriteBytes, bool isSound)
    {
        string file = Path.Combine(_folder, "connection.json");
        File.WriteAllText(file, $$"""{"Major":7,"Minor":45,"Flags":0,"MaxWriteBytes":{{mostWriteBytes}},"Passthrough":true,"HasEpoch":true,"HasResend":true}""");
        if (isSound)
            Assert.Equal(mostWriteBytes, TakeOverFolder.ReadConnection(file).MaxWriteBytes);
        else
            Assert.Throws<HostingException>(() => TakeOverFolder.ReadConnection(file));
    }
}
