using Afs.Bench.Macro.Trees;

namespace Afs.Bench.Tests;

public sealed class SourceTreeTests
{
    [Fact]
    public void The_generated_tree_is_the_same_each_time()
    {
        DirectoryInfo root = Directory.CreateTempSubdirectory("afs-bench-tests-");
        try
        {
            SourceTree first = SourceTree.Generate(Path.Combine(root.FullName, "a"), 10);
            SourceTree second = SourceTree.Generate(Path.Combine(root.FullName, "b"), 10);
            Assert.Equal(["part00", "part01"], first.Directories);
            Assert.Equal(22, first.Files.Count);
            Assert.Equal(first.Files, second.Files);
            Assert.All(first.Files, f => Assert.Equal(
                File.ReadAllBytes(Path.Combine(first.Root, f)), File.ReadAllBytes(Path.Combine(second.Root, f))));
        }
        finally
        {
            root.Delete(recursive: true);
        }
    }

    [Fact]
    public void A_given_tree_lists_parents_before_children_and_leaves_git_out()
    {
        DirectoryInfo root = Directory.CreateTempSubdirectory("afs-bench-tests-");
        try
        {
            root.CreateSubdirectory("src/deep");
            root.CreateSubdirectory(".git/objects");
            File.WriteAllText(Path.Combine(root.FullName, "src/deep/x.c"), "");
            SourceTree tree = SourceTree.Given(root.FullName, "make");
            Assert.Equal(["src", "src/deep"], tree.Directories);
            Assert.Equal(["src/deep/x.c"], tree.Files);
        }
        finally
        {
            root.Delete(recursive: true);
        }
    }
}
