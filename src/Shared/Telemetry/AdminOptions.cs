using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;

namespace Afs.Telemetry;

/// <summary>What a daemon shows of itself, and to whom. Nothing by default.</summary>
public sealed record AdminOptions
{
    /// <summary>Where pages are served; null: nowhere.</summary>
    public IPEndPoint? Listen { get; init; }

    /// <summary>The collector that figures are sent to; null: none.</summary>
    public Uri? Collector { get; init; }

    public TimeSpan ExportInterval { get; init; } = TimeSpan.FromSeconds(15);

    public bool IsOn => Listen is not null || Collector is not null;

    /// <summary>What was given as `--admin` and `--otlp`; null: not given.</summary>
    /// <param name="wrong">In one line, for who gave it.</param>
    public static bool TryParse(string? admin, string? otlp, [NotNullWhen(true)] out AdminOptions? options, [NotNullWhen(false)] out string? wrong)
    {
        IPEndPoint? listen = null;
        Uri? collector = null;
        options = null;
        wrong = admin is not null && !TryParseListen(admin, out listen) ? $"'{admin}' is no address to listen on; write e.g. --admin 127.0.0.1:7080."
            : otlp is not null && !TryParseCollector(otlp, out collector) ? $"'{otlp}' is no collector; write e.g. --otlp http://127.0.0.1:4318."
            : null;
        if (wrong is not null)
            return false;
        options = new AdminOptions { Listen = listen, Collector = collector };
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
