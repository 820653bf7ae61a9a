namespace Afs.Venus.Tests;

public class SkeletonTests
{
    [Fact]
    public void Runs() => Assert.True(File.Exists(typeof(SkeletonTests).Assembly.Location));
}
