using System.Diagnostics.CodeAnalysis;
using System.Diagnostics.Metrics;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;

namespace Afs.Telemetry;

/// <summary>Sends a daemon's figures to an OpenTelemetry collector, over OTLP: HTTP and protobuf.</summary>
public sealed class OtlpExport : IDisposable
{
    private const string MetricsPath = "/v1/metrics";

    private readonly Meter _meter;
    private readonly MeterProvider _provider;
    private readonly Func<IEnumerable<Reading>> _read;

    /// <param name="daemon">The service's and the meter's name.</param>
    /// <param name="collector">Without a path, OTLP's own is taken.</param>
    /// <param name="headers">With each request.</param>
    /// <param name="read">Called for each figure at each export.</param>
    public OtlpExport(string daemon, Uri collector, CollectorHeaders headers, TimeSpan interval, Func<IEnumerable<Reading>> read)
    {
        _read = read;
        _meter = new Meter(daemon);
        foreach (Reading reading in read())
            Observe(daemon, reading);
        _provider = Sdk.CreateMeterProviderBuilder()
            .ConfigureResource(resource => resource.AddService(daemon, serviceInstanceId: Environment.MachineName))
            .AddMeter(daemon)
            .AddOtlpExporter((exporter, reader) =>
            {
                exporter.Protocol = OtlpExportProtocol.HttpProtobuf;
                exporter.Endpoint = collector.AbsolutePath == "/" ? new Uri(collector, MetricsPath) : collector;
                exporter.HttpClientFactory = () => headers.CreateClient(TimeSpan.FromMilliseconds(exporter.TimeoutMilliseconds));
                reader.PeriodicExportingMetricReaderOptions.ExportIntervalMilliseconds = (int)interval.TotalMilliseconds;
            })
            .Build();
    }

    /// <summary>What was counted last is sent, for some seconds at most.</summary>
    public void Dispose()
    {
        _provider.Dispose();
        _meter.Dispose();
    }

    private void Observe(string daemon, Reading reading)
    {
        string name = $"{daemon}.{reading.Name}";
        if (reading.IsCounter)
            _meter.CreateObservableCounter(name, () => ValueOf(reading.Name), description: reading.Help);
        else
            _meter.CreateObservableGauge(name, () => ValueOf(reading.Name), description: reading.Help);
    }

    private long ValueOf(string name) => _read().FirstOrDefault(reading => reading.Name == name).Value;
}

/// <summary>What a collector asks to see with each request, as a password. Its text says nothing.</summary>
public sealed partial class CollectorHeaders
{
    /// <summary>The most bytes of a file of them.</summary>
    public const int MostFileBytes = 64 << 10;

    public static readonly CollectorHeaders None = new([]);

    private readonly IReadOnlyList<KeyValuePair<string, string>> _headers;

    private CollectorHeaders(IReadOnlyList<KeyValuePair<string, string>> headers) => _headers = headers;

    /// <summary>One `name: value` a line, as in HTTP (RFC 9110, section 5); empty lines and those that begin with # say nothing.</summary>
    /// <param name="wrong">Which line is none. It doesn't quote it.</param>
    public static bool TryParse(string text, [NotNullWhen(true)] out CollectorHeaders? headers, [NotNullWhen(false)] out string? wrong)
    {
        var found = new List<KeyValuePair<string, string>>();
        string[] lines = text.Split('\n');
        (headers, wrong) = (null, null);
        for (int i = 0; i < lines.Length; i++)
        {
            string line = lines[i].Trim();
            if (line.Length == 0 || line.StartsWith('#'))
                continue;
            Match match = Header().Match(line);
            if (!match.Success)
            {
                wrong = $"line {i + 1} is no 'name: value'";
                return false;
            }
            found.Add(new(match.Groups["name"].Value, match.Groups["value"].Value));
        }
        headers = new CollectorHeaders(found);
        return true;
    }

    /// <summary>Goes nowhere else: a redirection is not followed.</summary>
    /// <param name="timeout">Of a request.</param>
    internal HttpClient CreateClient(TimeSpan timeout)
    {
        var client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false }, disposeHandler: true) { Timeout = timeout };
        foreach ((string name, string value) in _headers)
            client.DefaultRequestHeaders.TryAddWithoutValidation(name, value);
        return client;
    }

    public override string ToString() => "(secret)";

    [GeneratedRegex(@"^(?<name>[A-Za-z0-9!#$%&'*+.^_`|~-]+)[ \t]*:[ \t]*(?<value>[\t\x20-\x7e]+)$")]
    private static partial Regex Header();
}

/// <summary>What the HTTP server says goes to the daemon's log, from warnings on.</summary>
internal sealed class ForwardingLogs(ILogger log) : ILoggerProvider, ILogger
{
    public ILogger CreateLogger(string categoryName) => this;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning && log.IsEnabled(logLevel);

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (IsEnabled(logLevel))
            log.Log(logLevel, eventId, state, exception, formatter);
    }

    public void Dispose()
    {
    }
}
