using Afs.Fuse.Abi;

namespace Afs.Fuse.Protocol;

/// <summary>REMOVEXATTR: the name of an attribute, which may hold any byte but NUL.</summary>
internal readonly ref struct XattrNameRequest(ReadOnlySpan<byte> name)
{
    public ReadOnlySpan<byte> Name { get; } = name;

    public static Errno Parse(ReadOnlySpan<byte> body, out XattrNameRequest request)
    {
        var reader = new FrameReader(body);
        Errno error = reader.TakeText(FuseProtocol.NameMaxBytes, out ReadOnlySpan<byte> name);
        request = new XattrNameRequest(name);
        return error == Errno.ENAMETOOLONG ? Errno.ERANGE : error;
    }
}
