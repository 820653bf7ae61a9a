using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Afs.Vice.Hosting.Admin;

/// <summary>
/// The live page: one document in this assembly, and a stream of events (text/event-stream of the HTML standard): "state" once a second,
/// "activity" as it happens. The page may load nothing, run no script but its own, and be framed by nobody.
/// </summary>
internal sealed class LivePage(LiveReader reader, ActivityFeed feed)
{
    private const string Resource = "live.html";
    private static readonly TimeSpan StateInterval = TimeSpan.FromSeconds(1);

    private readonly byte[] _page = Load();

    public void Map(WebApplication app)
    {
        string policy = Policy(Encoding.UTF8.GetString(_page));
        app.MapGet("/", context =>
        {
            context.Response.ContentType = "text/html; charset=utf-8";
            context.Response.Headers.ContentSecurityPolicy = policy;
            context.Response.Headers["Referrer-Policy"] = "no-referrer";
            return context.Response.Body.WriteAsync(_page, context.RequestAborted).AsTask();
        });
        app.MapGet("/events", context => StreamAsync(context, app.Lifetime.ApplicationStopping));
    }

    private async Task StreamAsync(HttpContext context, CancellationToken stopping)
    {
        if (feed.TryAdd() is not { } activities)
        {
            context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            return;
        }
        using var end = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, stopping);
        try
        {
            context.Response.ContentType = "text/event-stream";
            await SendAsync(context, activities, end.Token);
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            // The reader has gone, or the server stops.
        }
        finally
        {
            feed.Remove(activities);
        }
    }

    private async Task SendAsync(HttpContext context, Channel<Activity> activities, CancellationToken end)
    {
        using var timer = new PeriodicTimer(StateInterval);
        Task<bool> tick = Task.FromResult(true);
        Task<bool> waiting = activities.Reader.WaitToReadAsync(end).AsTask();
        while (true)
        {
            if (tick.IsCompleted)
            {
                await tick;
                tick = timer.WaitForNextTickAsync(end).AsTask();
                await WriteAsync(context, "state", JsonSerializer.SerializeToUtf8Bytes(reader.Read(), LiveJson.Default.LiveState), end);
            }
            if (waiting.IsCompleted)
            {
                await waiting;
                while (activities.Reader.TryRead(out Activity? activity))
                    await WriteAsync(context, "activity", JsonSerializer.SerializeToUtf8Bytes(activity, LiveJson.Default.Activity), end);
                waiting = activities.Reader.WaitToReadAsync(end).AsTask();
            }
            await context.Response.Body.FlushAsync(end);
            await Task.WhenAny(tick, waiting);
        }
    }

    /// <summary>JSON has no raw line break, so one line of data is enough.</summary>
    private static async Task WriteAsync(HttpContext context, string kind, byte[] json, CancellationToken end)
    {
        await context.Response.Body.WriteAsync(Encoding.ASCII.GetBytes($"event: {kind}\ndata: "), end);
        await context.Response.Body.WriteAsync(json, end);
        await context.Response.Body.WriteAsync("\n\n"u8.ToArray(), end);
    }

    /// <summary>Only the script and the style that stand in the page, by their hashes (CSP level 2).</summary>
    private static string Policy(string page) =>
        $"default-src 'none'; script-src {Hash(page, "script")}; style-src {Hash(page, "style")}; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    private static string Hash(string page, string element)
    {
        int from = page.IndexOf($"<{element}>", StringComparison.Ordinal) + element.Length + 2;
        int to = page.IndexOf($"</{element}>", StringComparison.Ordinal);
        return $"'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(page[from..to])))}'";
    }

    private static byte[] Load()
    {
        using Stream resource = typeof(LivePage).Assembly.GetManifestResourceStream(Resource)
            ?? throw new InvalidOperationException($"{Resource} is not in the assembly.");
        byte[] page = new byte[resource.Length];
        resource.ReadExactly(page);
        return page;
    }
}
