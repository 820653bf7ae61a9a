using Afs.Rpc;

namespace Afs.Venus.Hosting;

/// <summary>Which volume of which server: <c>host[:port][/volume]</c>, or <c>unix:/path</c> with the volume given apart.</summary>
public sealed record ServerAddress(RpcEndpoint Endpoint, string Volume)
{
    public const int DefaultPort = 7000;
    public const string DefaultVolume = "root";

    private const string UnixPrefix = "unix:";

    public override string ToString() => $"{Endpoint}/{Volume}";

    /// <exception cref="HostingException">It is no address.</exception>
    public static ServerAddress Parse(string text, string? volume)
    {
        string server = text;
        if (!text.StartsWith(UnixPrefix, StringComparison.Ordinal) && text.IndexOf('/') is var slash && slash >= 0)
        {
            string named = text[(slash + 1)..];
            if (volume is not null && volume != named)
                throw new HostingException(ExitCode.BadAddress, $"'{text}' names another volume than --volume {volume}.");
            (server, volume) = (text[..slash], named);
        }

        volume ??= DefaultVolume;
        if (volume.Length == 0 || volume.Contains('/'))
            throw new HostingException(ExitCode.BadAddress, $"'{volume}' is no volume name.");
        return new ServerAddress(ParseEndpoint(server), volume);
    }

    private static RpcEndpoint ParseEndpoint(string server)
    {
        try
        {
            bool hasPort = server.StartsWith(UnixPrefix, StringComparison.Ordinal) || server.LastIndexOf(':') > server.LastIndexOf(']');
            return RpcEndpoint.Parse(hasPort ? server : $"{server}:{DefaultPort}");
        }
        catch (RpcEndpointException e)
        {
            throw new HostingException(ExitCode.BadAddress, e.Message, e);
        }
    }
}
