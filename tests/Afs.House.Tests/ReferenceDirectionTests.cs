using System.Text.RegularExpressions;
using Afs.House.Tests.Repository;

namespace Afs.House.Tests;

/// <summary>Which project may know of which: docs/ARCHITECTURE.md.</summary>
public partial class ReferenceDirectionTests
{
    [Theory]
    [InlineData("Afs.Vice", "Afs.Venus")]
    [InlineData("Afs.Vice", "Afs.Fuse")]
    [InlineData("Afs.Venus", "Afs.Vice")]
    [InlineData("Afs.Fuse", "Afs.Wire")]
    [InlineData("Afs.Fuse", "Afs.Rpc")]
    [InlineData("Afs.Fuse", "Afs.Platform")]
    [InlineData("Afs.Wire", "Afs.Fuse")]
    [InlineData("Afs.Rpc", "Afs.Fuse")]
    [InlineData("Afs.Platform", "Afs.Fuse")]
    [InlineData("Afs.Rpc", "Afs.Wire")]
    [InlineData("Afs.Cli", "Afs.Venus")]
    [InlineData("Afs.Cli", "Afs.Wire")]
    [InlineData("Afs.Cli", "Afs.Daemons")]
    [InlineData("Afs.Control", "Afs.Wire")]
    [InlineData("Afs.CommandLines", "Afs.Control")]
    public void A_project_does_not_reach_another(string project, string forbidden) =>
        Assert.DoesNotContain(forbidden, ProjectFile.All.Single(p => p.Name == project).Reaches());

    [Fact]
    public void Fuse_refers_to_no_project() => Rule.IsBrokenNowhere(ProjectFile.All.Single(p => p.Name == "Afs.Fuse").References);

    [Fact]
    public void Product_projects_refer_to_no_test_project() =>
        Rule.IsBrokenNowhere(ProjectFile.All.Where(p => p.File.IsIn("src")).SelectMany(p => p.References).Where(name => name.EndsWith(".Tests")));

    [Fact]
    public void Only_the_vfs_and_hosting_of_venus_name_fuse() =>
        Rule.IsBrokenNowhere(RepositoryFiles.Sources
            .Where(file => file.IsIn("src/Venus") && !file.IsIn("src/Venus/Vfs") && !file.IsIn("src/Venus/Hosting"))
            .SelectMany(file => SourceCode.Find(file, FuseNamespace())));

    [Fact]
    public void Errno_stays_in_fuse_and_the_vfs() =>
        Rule.IsBrokenNowhere(RepositoryFiles.Sources
            .Where(file => file.IsIn("src/Vice") || file.IsIn("src/Shared/Rpc") || file.IsIn("src/Shared/Wire")
                || (file.IsIn("src/Venus") && !file.IsIn("src/Venus/Vfs")))
            .SelectMany(file => SourceCode.Find(file, ErrnoType())));

    [GeneratedRegex(@"\bAfs\.Fuse\b")]
    private static partial Regex FuseNamespace();

    [GeneratedRegex(@"\bErrno\.\w+")]
    private static partial Regex ErrnoType();
}
