using System.Text.RegularExpressions;
using Afs.House.Tests.Repository;

namespace Afs.House.Tests;

/// <summary>Work that nobody awaits is started in one way, which sees its failure (BackgroundWork); threads have names.</summary>
public partial class BackgroundWorkTests
{
    private const string TheWay = "src/Shared/Rpc/Background/BackgroundWork.cs";

    /// <summary>src/Fuse knows nothing of ours; its two tasks catch all and log.</summary>
    private static IEnumerable<RepositoryFile> Files => RepositoryFiles.Sources.Where(file => file.Path != TheWay && !file.IsIn("src/Fuse"));

    [Fact]
    public void No_task_is_started_and_forgotten() => Rule.IsBrokenNowhere(Files.SelectMany(file => SourceCode.Find(file, Forgotten())));

    [Fact]
    public void Every_thread_has_a_name() =>
        Rule.IsBrokenNowhere(RepositoryFiles.Sources.SelectMany(file => SourceCode.Find(file, Thread())).Where(found => !found.Contains("Name =", StringComparison.Ordinal)));

    [GeneratedRegex(@"(?<![\w.])_ = (?!await\b)[^;=]*(Async\(|Task\.Run\(|\.AsTask\(\))|\basync void\b|\bTask\.Factory\.StartNew\(")]
    private static partial Regex Forgotten();

    [GeneratedRegex(@"\bnew Thread\(.*")]
    private static partial Regex Thread();
}
