using System.Diagnostics.Metrics;
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
    /// <param name="read">Called for each figure at each export.</param>
    public OtlpExport(string daemon, Uri collector, TimeSpan interval, Func<IEnumerable<Reading>> read)
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
