using System.Text.RegularExpressions;
using Afs.House.Tests.Repository;

namespace Afs.House.Tests;

/// <summary>
/// What throws in a finalizer ends the process, and the collector calls the finalizer of an object whose constructor threw. So none of ours runs there:
/// no type has a finalizer, and none takes part in that of its base. What must be given back is held by a SafeHandle of the framework.
/// </summary>
public partial class FinalizerTests
{
    [Fact]
    public void No_type_has_a_finalizer() =>
        Rule.IsBrokenNowhere(RepositoryFiles.Sources.SelectMany(file => SourceCode.Find(file, Finalizer())));

    [Fact]
    public void Nothing_is_derived_from_a_type_that_the_collector_finalizes() =>
        Rule.IsBrokenNowhere(RepositoryFiles.Sources.SelectMany(file => SourceCode.Find(file, FinalizedBase())));

    /// <summary>Of these bases none has a finalizer.</summary>
    [Fact]
    public void Dispose_of_a_base_is_overridden_only_where_the_base_has_no_finalizer() =>
        Rule.IsBrokenNowhere(RepositoryFiles.Sources
            .Where(file => SourceCode.Find(file, Disposal()).Any() && !SourceCode.Find(file, PeacefulBase()).Any())
            .Select(file => file.Path));

    [GeneratedRegex(@"~[A-Z]\w*\s*\(\s*\)|\bvoid Finalize\(")]
    private static partial Regex Finalizer();

    [GeneratedRegex(@"\bclass \w+[^{]*:\s*(NetworkStream|FileStream|Socket|TcpClient|UdpClient|Timer|Component|RegisteredWaitHandle|SafeHandle\w*|\w+SafeHandle\w*|CriticalHandle\w*|CriticalFinalizerObject)\b")]
    private static partial Regex FinalizedBase();

    [GeneratedRegex(@"\boverride (void Dispose\(bool\b|ValueTask DisposeAsyncCore\(|bool ReleaseHandle\()")]
    private static partial Regex Disposal();

    [GeneratedRegex(@"\bclass \w+[^{]*:\s*(Stream|MemoryManager<\w+>)")]
    private static partial Regex PeacefulBase();
}
