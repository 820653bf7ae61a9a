using Afs.Fuse.Abi;

namespace Afs.Fuse.Tests.Support;

/// <summary>One well-formed body of each request that has one.</summary>
internal static class GoldenRequests
{
    public static readonly Dictionary<string, (FuseOpcode Opcode, byte[] Body)> All = new()
    {
        ["lookup"] = (FuseOpcode.Lookup, New().Name("file").Bytes()),
        ["forget"] = (FuseOpcode.Forget, New().U64(3).Bytes()),
        ["getattr"] = (FuseOpcode.GetAttr, New().U32(1).U32(0).U64(9).Bytes()),
        ["setattr"] = (FuseOpcode.SetAttr, SetAttr()),
        ["symlink"] = (FuseOpcode.SymLink, New().Name("link").Name("../target").Bytes()),
        ["mknod"] = (FuseOpcode.MkNod, New().U32(0x21B6).U32(0x103).U32(0x12).U32(0).Name("null").Bytes()),
        ["mkdir"] = (FuseOpcode.MkDir, New().U32(0x1FF).U32(0x12).Name("folder").Bytes()),
        ["unlink"] = (FuseOpcode.Unlink, New().Name("file").Bytes()),
        ["rmdir"] = (FuseOpcode.RmDir, New().Name("folder").Bytes()),
        ["rename"] = (FuseOpcode.Rename, New().U64(6).Name("old").Name("new").Bytes()),
        ["rename2"] = (FuseOpcode.Rename2, New().U64(6).U32(2).U32(0).Name("old").Name("new").Bytes()),
        ["link"] = (FuseOpcode.Link, New().U64(7).Name("new").Bytes()),
        ["open"] = (FuseOpcode.Open, New().U32(0x8002).U32(1).Bytes()),
        ["create"] = (FuseOpcode.Create, New().U32(0x8042).U32(0x81A4).U32(0x12).U32(0).Name("file").Bytes()),
        ["tmpfile"] = (FuseOpcode.TmpFile, New().U32(0x410002).U32(0x8180).U32(0x3F).U32(0).Name("ignored").Bytes()[..16]),
        ["read"] = (FuseOpcode.Read, New().U64(9).U64(8192).U32(4096).U32(0).U64(0).U32(0x8000).U32(0).Bytes()),
        ["write"] = (FuseOpcode.Write, New().U64(9).U64(100).U32(5).U32(4).U64(0).U32(0x8001).U32(0).Raw("hello").Bytes()),
        ["release"] = (FuseOpcode.Release, New().U64(9).U32(0x8001).U32(2).U64(0xABC).Bytes()),
        ["flush"] = (FuseOpcode.Flush, New().U64(9).U32(0).U32(0).U64(0xABC).Bytes()),
        ["fsync"] = (FuseOpcode.Fsync, New().U64(9).U32(1).U32(0).Bytes()),
        ["opendir"] = (FuseOpcode.OpenDir, New().U32(0x18000).U32(0).Bytes()),
        ["readdir"] = (FuseOpcode.ReadDir, New().U64(9).U64(17).U32(4096).U32(0).U64(0).U32(0x8000).U32(0).Bytes()),
        ["readdirplus"] = (FuseOpcode.ReadDirPlus, New().U64(9).U64(17).U32(4096).U32(0).U64(0).U32(0x8000).U32(0).Bytes()),
        ["releasedir"] = (FuseOpcode.ReleaseDir, New().U64(9).U32(0x18000).U32(0).U64(0).Bytes()),
        ["fsyncdir"] = (FuseOpcode.FsyncDir, New().U64(9).U32(0).U32(0).Bytes()),
        ["access"] = (FuseOpcode.Access, New().U32(4).U32(0).Bytes()),
        ["setxattr"] = (FuseOpcode.SetXattr, New().U32(3).U32(1).U32(1).U32(0).Name("user.a").Raw("xyz").Bytes()),
        ["getxattr"] = (FuseOpcode.GetXattr, New().U32(64).U32(0).Name("user.a").Bytes()),
        ["listxattr"] = (FuseOpcode.ListXattr, New().U32(64).U32(0).Bytes()),
        ["removexattr"] = (FuseOpcode.RemoveXattr, New().Name("user.a").Bytes()),
        ["fallocate"] = (FuseOpcode.Fallocate, New().U64(9).U64(4096).U64(8192).U32(1).U32(0).Bytes()),
        ["lseek"] = (FuseOpcode.LSeek, New().U64(9).U64(5_000_000_000).U32(3).U32(0).Bytes()),
        ["copy_file_range"] = (FuseOpcode.CopyFileRange, CopyFileRange()),
        ["copy_file_range_64"] = (FuseOpcode.CopyFileRange64, CopyFileRange()),
        ["getlk"] = (FuseOpcode.GetLk, Lock()),
        ["setlk"] = (FuseOpcode.SetLk, Lock()),
        ["setlkw"] = (FuseOpcode.SetLkW, Lock()),
        ["statx"] = (FuseOpcode.Statx, New().U32(1).U32(0).U64(9).U32(0).U32(0xFFF).Bytes()),
        ["batch_forget"] = (FuseOpcode.BatchForget, New().U32(2).U32(0).U64(8).U64(1).U64(9).U64(4).Bytes()),
        ["interrupt"] = (FuseOpcode.Interrupt, New().U64(41).Bytes()),
        ["init"] = (FuseOpcode.Init, New().U32(7).U32(45).U32(131072).U32(0x40000009).U32(0x20).Bytes()),
    };

    internal static FrameBuilder New() => FrameBuilder.New();

    internal static byte[] SetAttr() => New()
        .U32(0x3F).U32(0).U64(9).U64(1234).U64(0).U64(100).U64(200).U64(300).U32(1).U32(2).U32(3).U32(0x81ED).U32(0).U32(1000).U32(1001).U32(0).Bytes();

    internal static byte[] CopyFileRange() => New().U64(9).U64(10).U64(6).U64(11).U64(12).U64(ulong.MaxValue).U64(0).Bytes();

    internal static byte[] Lock() => New().U64(9).U64(0xABC).U64(10).U64(19).U32(1).U32(77).U32(1).U32(0).Bytes();
}
