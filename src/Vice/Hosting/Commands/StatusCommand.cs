using System.CommandLine;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Afs.CommandLines;
using Afs.Platform;
using Afs.Rpc;
using Afs.Wire;

namespace Afs.Vice.Hosting.Commands;

/// <summary><c>vice status</c>: asks a running server.</summary>
internal static class StatusCommand
{
    /// <summary>"vice sta". The second half is the process modulo a small number, so that the sessions of this program at a server are few.</summary>
    private const ulong ClientIdHigh = 0x7669636520737461;

    private const int ClientIds = 64;

    private static readonly Option<string> Server = new("--server") { HelpName = "ADDRESS", Description = "HOST:PORT or unix:/path.", DefaultValueFactory = _ => "127.0.0.1:7000" };
    private static readonly Option<int> TimeoutMs = new Option<int>("--timeout-ms") { HelpName = "MS", Description = "How long to wait for an answer.", DefaultValueFactory = _ => 5_000 }.Within(1, int.MaxValue);
    private static readonly Option<bool> Json = new("--json") { Description = "For programs." };
    private static readonly Option<string?> Authority = new("--tls-ca") { HelpName = "FILE", Description = "PEM file of the authority to trust: connect with TLS." };

    public static Command Create()
    {
        var command = new Command("status", "Shows a running server's figures.") { Server, TimeoutMs, Json, Authority };
        command.SetAction((parsed, cancellation) => RunAsync(parsed, cancellation));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        RpcEndpoint endpoint = ServeCommand.ParseEndpoint(parsed.GetValue(Server)!);
        await using var client = new RpcClient(new RpcClientOptions
        {
            Transport = new SocketTransport(new SocketTransportOptions { ClientTls = ReadTls(parsed.GetValue(Authority)) }),
            Server = endpoint,
            ClientId = new ClientId(ClientIdHigh, (ulong)(Environment.ProcessId % ClientIds)),
            Scope = "",
            Session = new IgnoredSession(),
            Time = new BootTimeProvider(),
            Random = new Random(),
        });
        client.Start();
        var timeout = TimeSpan.FromMilliseconds(parsed.GetValue(TimeoutMs));
        if (await FindTroubleAsync(client, timeout, cancellation) is { } trouble)
            return Fail(endpoint, trouble);
        var context = new CallContext { Deadline = timeout, Cancellation = cancellation };
        var vice = new ViceServiceClient(client);
        Outcome<GetServerStatusReply> outcome = await vice.GetServerStatusAsync(new GetServerStatusRequest(), context);
        if (!outcome.IsReply)
            return Fail(endpoint, "did not answer");
        // A session that nobody comes back to would count as a client that went silent.
        await vice.EndSessionAsync(new EndSessionRequest(), context);
        if (parsed.GetValue(Json))
            PrintJson(outcome.Value);
        else
            PrintTable(endpoint, outcome.Value);
        return ExitCode.Ok;
    }

    /// <summary>Null: it is connected.</summary>
    private static async Task<string?> FindTroubleAsync(RpcClient client, TimeSpan timeout, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(timeout);
        try
        {
            await client.WaitConnectedAsync(limit.Token);
            return null;
        }
        catch (RpcRefusedException e)
        {
            return $"refuses: {e.Message}";
        }
        catch (OperationCanceledException)
        {
            return client.Trouble is { } trouble ? $"can't be reached: {trouble.TrimEnd('.')}" : "did not answer";
        }
    }

    private static int Fail(RpcEndpoint endpoint, string trouble)
    {
        Console.Error.WriteLine($"vice: {endpoint} {trouble}.");
        return ExitCode.Problems;
    }

    private static TlsClient? ReadTls(string? authority)
    {
        if (authority is null)
            return null;
        try
        {
            var authorities = new X509Certificate2Collection();
            authorities.ImportFromPemFile(authority);
            return new TlsClient(authorities);
        }
        catch (Exception e) when (e is IOException or System.Security.Cryptography.CryptographicException)
        {
            throw new StartException($"Cannot use the certificate {authority}: {e.Message}", e);
        }
    }

    private static void PrintTable(RpcEndpoint endpoint, GetServerStatusReply status)
    {
        Console.WriteLine($"server    {endpoint}, vice {OneLine.Of(status.Version)}");
        Console.WriteLine($"epoch     {status.Epoch}");
        Console.WriteLine($"up        {TimeSpan.FromMilliseconds(status.UptimeMs):d\\.hh\\:mm\\:ss}");
        int width = status.Figures.Max(figure => figure.Name.Length);
        foreach (Figure figure in status.Figures)
            Console.WriteLine($"{OneLine.Of(figure.Name).PadRight(width)}  {figure.Value,14:n0}");
    }

    private static void PrintJson(GetServerStatusReply status) => Console.WriteLine(JsonSerializer.Serialize(new
    {
        version = status.Version,
        epoch = status.Epoch,
        uptimeMs = status.UptimeMs,
        figures = status.Figures.ToDictionary(figure => figure.Name, figure => figure.Value),
    }));

    /// <summary>This client caches nothing, so it has nothing to give up.</summary>
    private sealed class IgnoredSession : IClientSession
    {
        public void Replied(Epoch epoch, SessionTrust trust, long sentTimestamp)
        {
        }

        public void Established(SessionId session, bool isNewSession, Epoch epoch, TimeSpan lease, SessionTrust trust)
        {
        }

        public void Disconnected(string reason)
        {
        }
    }
}
