namespace Afs.Fuse.Abi;

/// <summary>
/// FUSE_* flags of INIT, both words as one: bits 32 to 63 travel in <c>flags2</c>, which counts only with
/// <see cref="InitExtended"/>.
/// </summary>
[Flags]
public enum FuseInitFlags : ulong
{
    None = 0,
    AsyncRead = 1UL << 0,
    PosixLocks = 1UL << 1,
    AtomicOpenTruncate = 1UL << 3,
    ExportSupport = 1UL << 4,
    BigWrites = 1UL << 5,
    DontMask = 1UL << 6,
    SpliceWrite = 1UL << 7,
    SpliceMove = 1UL << 8,
    SpliceRead = 1UL << 9,
    FlockLocks = 1UL << 10,
    HasIoctlDirectory = 1UL << 11,
    AutoInvalidateData = 1UL << 12,
    DoReadDirPlus = 1UL << 13,
    ReadDirPlusAuto = 1UL << 14,
    AsyncDirectIo = 1UL << 15,
    WritebackCache = 1UL << 16,
    NoOpenSupport = 1UL << 17,
    ParallelDirectoryOperations = 1UL << 18,
    HandleKillPrivileges = 1UL << 19,
    PosixAcl = 1UL << 20,
    AbortError = 1UL << 21,
    MaxPages = 1UL << 22,
    CacheSymLinks = 1UL << 23,
    NoOpenDirectorySupport = 1UL << 24,
    ExplicitInvalidateData = 1UL << 25,
    MapAlignment = 1UL << 26,
    SubMounts = 1UL << 27,
    HandleKillPrivilegesV2 = 1UL << 28,
    SetXattrExtended = 1UL << 29,
    InitExtended = 1UL << 30,
    SecurityContext = 1UL << 32,
    HasInodeDax = 1UL << 33,
    CreateSupplementaryGroup = 1UL << 34,
    HasExpireOnly = 1UL << 35,
    DirectIoAllowMmap = 1UL << 36,
    Passthrough = 1UL << 37,
    NoExportSupport = 1UL << 38,
    HasResend = 1UL << 39,
    AllowIdmap = 1UL << 40,
    OverIoUring = 1UL << 41,
    RequestTimeout = 1UL << 42,
}
