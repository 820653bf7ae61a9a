using System.Text.RegularExpressions;
using Afs.House.Tests.Repository;

namespace Afs.House.Tests;

/// <summary>
/// The cores take time, disk, chance and network as parameters, so that a whole cell runs from one seed. What makes the real
/// ones lives in Hosting, in the transports and in the platform's disk.
/// </summary>
public partial class DeterminismTests
{
    private static readonly string[] Cores = ["src/Vice", "src/Venus", "src/Shared/Rpc", "src/Shared/Wire"];
    private static readonly string[] Edges = ["src/Vice/Hosting", "src/Venus/Hosting", "src/Venus/Vfs/Passthrough", "src/Shared/Rpc/Transport"];

    private static IEnumerable<RepositoryFile> CoreFiles => RepositoryFiles.Sources
        .Where(file => Cores.Any(file.IsIn) && !Edges.Any(file.IsIn) && Path.GetFileName(file.Path) != "Program.cs");

    [Fact]
    public void Cores_read_no_clock_of_their_own() => AssertAbsent(Clock());

    [Fact]
    public void Cores_wait_only_by_their_time_provider() => AssertAbsent(Waiting());

    [Fact]
    public void Cores_take_chance_as_a_parameter() => AssertAbsent(Chance());

    [Fact]
    public void Cores_reach_files_only_by_their_disk() => AssertAbsent(Files());

    [Fact]
    public void Cores_reach_the_network_only_by_their_transport() => AssertAbsent(Network());

    [Fact]
    public void There_are_cores_to_look_at() => Assert.NotEmpty(CoreFiles);

    private static void AssertAbsent(Regex banned) => Rule.IsBrokenNowhere(CoreFiles.SelectMany(file => SourceCode.Find(file, banned)));

    [GeneratedRegex(@"\b(DateTime|DateTimeOffset)\.(Now|UtcNow|Today)\b|\bStopwatch\b|\bEnvironment\.TickCount(64)?\b|\bTimeProvider\.System\b")]
    private static partial Regex Clock();

    // Task.Delay and WaitAsync are allowed with a TimeProvider among their arguments.
    [GeneratedRegex(@"\bThread\.Sleep\b|\bTask\.Delay\((?![^;]*([tT]ime|[cC]lock|[pP]rovider)\w*\s*[,)])|\bnew (System\.Threading\.)?Timer\(|\bnew PeriodicTimer\([^,)]*\)|\.CancelAfter\(")]
    private static partial Regex Waiting();

    [GeneratedRegex(@"\bRandom\.Shared\b|\bnew Random\(\)|\bGuid\.(NewGuid|CreateVersion7)\b|\bRandomNumberGenerator\b")]
    private static partial Regex Chance();

    [GeneratedRegex(@"(?<![\w.])(System\.IO\.)?(File|Directory)\.[A-Z]\w+|\bnew (FileStream|FileInfo|DirectoryInfo|StreamWriter|StreamReader)\(")]
    private static partial Regex Files();

    [GeneratedRegex(@"\bnew (Socket|TcpClient|TcpListener|UdpClient|NetworkStream|SslStream)\(")]
    private static partial Regex Network();
}
