using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Afs.Telemetry;

/// <summary>
/// A daemon's pages for those who look after it: figures, health, and what else it maps. For reading only. A page of another site must not
/// read them through a visitor's browser: requests under another name than the address are refused.
/// </summary>
public sealed class AdminServer : IAsyncDisposable
{
    private const int MostConnections = 64;
    private const int MostHeaderBytes = 16 << 10;
    private static readonly TimeSpan HeaderTimeout = TimeSpan.FromSeconds(5);
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
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders().AddProvider(new ForwardingLogs(log));
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(listen);
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxConcurrentConnections = MostConnections;
            kestrel.Limits.MaxRequestBodySize = 0;
            kestrel.Limits.MaxRequestHeadersTotalSize = MostHeaderBytes;
            kestrel.Limits.RequestHeadersTimeout = HeaderTimeout;
        });
        builder.Services.Configure<Microsoft.Extensions.Hosting.HostOptions>(host => host.ShutdownTimeout = StopTimeout);
        // Signals are the daemon's own matter.
        builder.Services.AddSingleton<Microsoft.Extensions.Hosting.IHostLifetime, SilentLifetime>();
        WebApplication app = builder.Build();
        app.Use((context, next) => GuardAsync(context, next, listen.Address));
        app.MapGet("/metrics", () => Results.Text(metrics(), PrometheusText.ContentType));
        app.MapGet("/healthz", () => health() is { } trouble ? Results.Text(trouble + "\n", statusCode: 503) : Results.Text("ok\n"));
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
