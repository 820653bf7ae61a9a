using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Afs.Telemetry;

/// <summary>
/// A daemon's pages for those who look after it: figures, health, and what else it maps. For reading only. A page of another site must not
/// read them through a visitor's browser: requests under another name than the address are refused. Silent connections end in seconds and keep nobody out
/// (<see cref="AdminConnections"/>); each page has a share of its own, and /healthz always answers.
/// </summary>
public sealed class AdminServer : IAsyncDisposable
{
    private const string HealthPath = "/healthz";
    private const int MostHeaderBytes = 16 << 10;

    /// <summary>Requests of one page that are answered at a time, but for /healthz and what limits itself.</summary>
    private const int MostOfAPage = 16;

    /// <summary>For a connection that asks for nothing, and for the rest of a request that has begun.</summary>
    private static readonly TimeSpan IdleTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(1);

    private readonly WebApplication _app;

    private AdminServer(WebApplication app) => _app = app;

    /// <summary>Where it listens: with the port that was found, where none was asked for.</summary>
    public string Address => _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();

    /// <param name="metrics">In Prometheus's format.</param>
    /// <param name="health">Null: well. Else what is wrong, in one line.</param>
    /// <param name="map">Adds pages.</param>
    /// <exception cref="IOException">It can't listen there.</exception>
    public static async Task<AdminServer> StartAsync(
        IPEndPoint listen, Func<string> metrics, Func<string?> health, ILogger log, Action<WebApplication>? map = null)
    {
        var connections = new AdminConnections();
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders().AddProvider(new ForwardingLogs(log));
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(listen, endpoint =>
            {
                endpoint.Protocols = HttpProtocols.Http1;
                endpoint.Use(next => connection => connections.ServeAsync(connection, next));
            });
            kestrel.AddServerHeader = false;
            kestrel.Limits.KeepAliveTimeout = IdleTimeout;
            kestrel.Limits.MaxRequestBodySize = 0;
            kestrel.Limits.MaxRequestHeadersTotalSize = MostHeaderBytes;
            kestrel.Limits.RequestHeadersTimeout = IdleTimeout;
        });
        builder.Services.Configure<Microsoft.Extensions.Hosting.HostOptions>(host => host.ShutdownTimeout = StopTimeout);
        // Signals are the daemon's own matter.
        builder.Services.AddSingleton<Microsoft.Extensions.Hosting.IHostLifetime, SilentLifetime>();
        WebApplication app = builder.Build();
        var answer = new HealthAnswer(health, TimeProvider.System);
        app.Use(connections.AnswerAsync);
        app.Use((context, next) => GuardAsync(context, next, listen.Address));
        app.Use(ShareOut());
        app.MapGet("/metrics", () => Results.Text(metrics(), PrometheusText.ContentType));
        app.MapGet(HealthPath, () => answer.FindTrouble() is { } trouble ? Results.Text(trouble + "\n", statusCode: 503) : Results.Text("ok\n"));
        map?.Invoke(app);
        try
        {
            await app.StartAsync();
            return new AdminServer(app);
        }
        catch
        {
            await app.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
    }

    /// <summary>One for each page that is mapped; what isn't needs none.</summary>
    private static Func<HttpContext, RequestDelegate, Task> ShareOut()
    {
        var shares = new ConcurrentDictionary<Endpoint, PageShare>();
        return (context, next) => context.GetEndpoint() is { } page && context.Request.Path != HealthPath
            ? shares.GetOrAdd(page, static _ => new PageShare(MostOfAPage)).AnswerAsync(context, next)
            : next(context);
    }

    private static Task GuardAsync(HttpContext context, RequestDelegate next, IPAddress listen)
    {
        string host = context.Request.Host.Host.Trim('[', ']');
        bool isAddress = IPAddress.TryParse(host, out IPAddress? named);
        bool isOurs = isAddress ? listen.Equals(named) || IPAddress.Any.Equals(listen) || IPAddress.IPv6Any.Equals(listen) : host == "localhost";
        if (!isOurs || !HttpMethods.IsGet(context.Request.Method))
        {
            context.Response.StatusCode = isOurs ? StatusCodes.Status405MethodNotAllowed : StatusCodes.Status421MisdirectedRequest;
            return Task.CompletedTask;
        }
        context.Response.Headers.XContentTypeOptions = "nosniff";
        context.Response.Headers.CacheControl = "no-store";
        return next(context);
    }
}

/// <summary>
/// Who is connected to the pages. A connection that asks for nothing, be it new or between two requests, only waits: of those a number may wait, and each new one beyond it
/// takes the place of the one that has waited longest. So however many are silent, whoever asks at once is answered. Safe for concurrent use.
/// </summary>
internal sealed class AdminConnections
{
    /// <summary>Connections that wait at a time.</summary>
    public const int MostWaiting = 128;

    private readonly Lock _lock = new();
    private readonly LinkedList<ConnectionContext> _waiting = new();
    private readonly Dictionary<string, LinkedListNode<ConnectionContext>> _byId = [];

    /// <summary>Stands before Kestrel's own handling of a connection, from its beginning to its end.</summary>
    public async Task ServeAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        var node = new LinkedListNode<ConnectionContext>(connection);
        ConnectionContext? displaced;
        lock (_lock)
        {
            _byId.Add(connection.ConnectionId, node);
            displaced = Wait(node);
        }
        displaced?.Abort(new ConnectionAbortedException("Another connection takes its place."));
        try
        {
            await next(connection);
        }
        finally
        {
            lock (_lock)
            {
                _byId.Remove(connection.ConnectionId);
                node.List?.Remove(node);
            }
        }
    }

    /// <summary>Stands around the handling of a request: while it runs its connection does not wait.</summary>
    public async Task AnswerAsync(HttpContext context, RequestDelegate next)
    {
        LinkedListNode<ConnectionContext>? node;
        lock (_lock)
        {
            if (_byId.TryGetValue(context.Connection.Id, out node))
                node.List?.Remove(node);
        }
        try
        {
            await next(context);
        }
        finally
        {
            ConnectionContext? displaced = null;
            lock (_lock)
            {
                if (node is not null && _byId.ContainsKey(context.Connection.Id))
                    displaced = Wait(node);
            }
            displaced?.Abort(new ConnectionAbortedException("Another connection takes its place."));
        }
    }

    /// <summary>Under the lock. The value, if any, has to go.</summary>
    private ConnectionContext? Wait(LinkedListNode<ConnectionContext> node)
    {
        _waiting.AddLast(node);
        if (_waiting.Count <= MostWaiting)
            return null;
        ConnectionContext longest = _waiting.First!.Value;
        _waiting.RemoveFirst();
        return longest;
    }
}

/// <summary>How many may be given one page at a time; more are told that it is busy. So who takes long over one page takes nothing from the others.</summary>
internal sealed class PageShare(int most)
{
    private int _used;

    public async Task AnswerAsync(HttpContext context, RequestDelegate next)
    {
        try
        {
            if (Interlocked.Increment(ref _used) > most)
                context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            else
                await next(context);
        }
        finally
        {
            Interlocked.Decrement(ref _used);
        }
    }
}

/// <summary>The answer to who asks for a daemon's health. It is found once in a moment, however many ask. Safe for concurrent use.</summary>
/// <param name="find">Null: well. Else what is wrong, in one line.</param>
internal sealed class HealthAnswer(Func<string?> find, TimeProvider time)
{
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(100);

    private readonly Lock _lock = new();
    private (long At, string? Trouble)? _last;

    public string? FindTrouble()
    {
        lock (_lock)
        {
            if (_last is { } last && time.GetElapsedTime(last.At) < Moment)
                return last.Trouble;
            string? trouble = find();
            _last = (time.GetTimestamp(), trouble);
            return trouble;
        }
    }
}

/// <summary>What a daemon shows of itself, and to whom. Nothing by default.</summary>
public sealed record AdminOptions
{
    /// <summary>Where pages are served; null: nowhere.</summary>
    public IPEndPoint? Listen { get; init; }

    /// <summary>The collector that figures are sent to; null: none.</summary>
    public Uri? Collector { get; init; }

    /// <summary>What the collector is shown.</summary>
    public CollectorHeaders Headers { get; init; } = CollectorHeaders.None;

    public TimeSpan ExportInterval { get; init; } = TimeSpan.FromSeconds(15);

    public bool IsOn => Listen is not null || Collector is not null;

    /// <summary>What was given as `--admin` and `--otlp`, and the text of the `--otlp-headers-file`; null: not given.</summary>
    /// <param name="wrong">In one line, for who gave it.</param>
    public static bool TryParse(string? admin, string? otlp, string? headersText, [NotNullWhen(true)] out AdminOptions? options, [NotNullWhen(false)] out string? wrong)
    {
        IPEndPoint? listen = null;
        Uri? collector = null;
        CollectorHeaders? headers = CollectorHeaders.None;
        string? wrongHeader = null;
        options = null;
        wrong = admin is not null && !TryParseListen(admin, out listen) ? $"'{admin}' is no address to listen on; write e.g. --admin 127.0.0.1:7080."
            : otlp is not null && !TryParseCollector(otlp, out collector) ? $"'{otlp}' is no collector; write e.g. --otlp http://127.0.0.1:4318."
            : collector?.UserInfo is { Length: > 0 } ? "A password in the address of --otlp is seen by everybody who lists processes; put a header into a file, and name that as --otlp-headers-file."
            : headersText is not null && collector is null ? "--otlp-headers-file needs --otlp."
            : headersText is not null && !CollectorHeaders.TryParse(headersText, out headers, out wrongHeader) ? $"The file of --otlp-headers-file can't be used: {wrongHeader}."
            : null;
        if (wrong is not null)
            return false;
        options = new AdminOptions { Listen = listen, Collector = collector, Headers = headers! };
        return true;
    }

    /// <summary>ADDRESS:PORT, [ADDRESS]:PORT or localhost:PORT. Names are not looked up: what listens must be plain.</summary>
    public static bool TryParseListen(string text, [NotNullWhen(true)] out IPEndPoint? endpoint)
    {
        endpoint = null;
        int colon = text.LastIndexOf(':');
        if (colon <= 0 || !ushort.TryParse(text[(colon + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out ushort port))
            return false;
        string address = text[..colon] == "localhost" ? "127.0.0.1" : text[..colon].Trim('[', ']');
        if (!IPAddress.TryParse(address, out IPAddress? parsed))
            return false;
        endpoint = new IPEndPoint(parsed, port);
        return true;
    }

    public static bool TryParseCollector(string text, [NotNullWhen(true)] out Uri? collector) =>
        Uri.TryCreate(text, UriKind.Absolute, out collector) && collector.Scheme is ("http" or "https");
}

/// <summary>A host that handles no signal and says nothing: it lives and ends with the daemon.</summary>
internal sealed class SilentLifetime : IHostLifetime
{
    public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
