"""Reads what an OTLP exporter sends: opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceRequest, as far as figures go."""
import struct


def fields(data):
    """Number and value of each field of a protobuf message; a message within is its bytes."""
    at = 0

    def varint():
        nonlocal at
        value, shift = 0, 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        key = varint()
        number, kind = key >> 3, key & 7
        if kind == 0:
            yield number, varint()
        elif kind == 1:
            yield number, data[at:at + 8]
            at += 8
        else:
            assert kind == 2, kind
            length = varint()
            assert at + length <= len(data)
            yield number, data[at:at + length]
            at += length


def within(data, *path):
    """The fields that the numbers of a path lead to."""
    found = [data]
    for number in path:
        found = [value for message in found for n, value in fields(message) if n == number]
    return found


def points(request):
    """Service, figure and value of each point; of a histogram its count."""
    for resource in within(request, 1):
        names = {within(pair, 1)[0]: within(pair, 2, 1) for pair in within(resource, 1, 1)}
        service = names[b'service.name'][0].decode()
        for metric in within(resource, 2, 2):
            name = within(metric, 1)[0].decode()
            for point in within(metric, 5, 1) + within(metric, 7, 1):
                for value in within(point, 6):
                    yield service, name, struct.unpack('<q', value)[0]
            for point in within(metric, 9, 1):
                yield service, name, sum(struct.unpack('<Q', count)[0] for count in within(point, 4))
