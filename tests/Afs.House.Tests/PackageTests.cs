using Afs.House.Tests.Repository;

namespace Afs.House.Tests;

/// <summary>Packages have one version each, in one place, and a locked set of dependencies.</summary>
public class PackageTests
{
    public static TheoryData<string> Projects => [.. ProjectFile.All.Select(project => project.File.Path)];

    [Theory]
    [MemberData(nameof(Projects))]
    public void A_project_names_no_version(string path) =>
        Rule.IsBrokenNowhere(new ProjectFile(new RepositoryFile(path)).Packages.Where(package => package.Version is not null));

    [Theory]
    [MemberData(nameof(Projects))]
    public void A_projects_packages_are_pinned_in_one_place(string path)
    {
        string pinned = new RepositoryFile("Directory.Packages.props").Text;
        Rule.IsBrokenNowhere(new ProjectFile(new RepositoryFile(path)).Packages.Where(package => !pinned.Contains($"Include=\"{package.Id}\"")));
    }

    [Theory]
    [MemberData(nameof(Projects))]
    public void A_project_has_its_lock_file(string path) =>
        Assert.True(RepositoryFiles.Exists(Path.Combine(Path.GetDirectoryName(path)!, "packages.lock.json")));

    [Theory]
    [MemberData(nameof(Projects))]
    public void A_project_is_in_the_solution(string path) =>
        Assert.Contains(path, new RepositoryFile("Afs.sln").Text.Replace('\\', '/'));

    [Fact]
    public void Warnings_are_errors() =>
        Assert.Contains("<TreatWarningsAsErrors>true</TreatWarningsAsErrors>", new RepositoryFile("Directory.Build.props").Text);
}
