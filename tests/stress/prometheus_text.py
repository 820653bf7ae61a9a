#!/usr/bin/env python3
"""Checks Prometheus's text format 0.0.4 on standard input, strictly. Ends with the first thing that is wrong.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""
import re
import sys

NAME = r'[a-zA-Z_:][a-zA-Z0-9_:]*'
SAMPLE = re.compile(r'(%s)(?:\{(.*)\})? (\S+)' % NAME)
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"(?:,|$)')
LEAST_FIGURES = 15


def labels_of(text):
    found, at = {}, 0
    while text and at < len(text):
        match = LABEL.match(text, at)
        assert match and match[1] not in found, 'labels: ' + text
        found[match[1]] = match[2]
        at = match.end()
    return found


def check_histogram(name, samples):
    """Buckets rise with their bounds, the last is +Inf and equals the count."""
    series = {}
    for sample, labels, value in samples:
        key = tuple(sorted((k, v) for k, v in labels.items() if k != 'le'))
        series.setdefault(key, {}).setdefault(sample[len(name):], []).append((labels.get('le'), value))
    for key, parts in series.items():
        assert set(parts) == {'_bucket', '_sum', '_count'}, '%s%s has %s' % (name, key, sorted(parts))
        bounds = [float(le) for le, _ in parts['_bucket']]
        counts = [value for _, value in parts['_bucket']]
        assert bounds == sorted(set(bounds)) and bounds[-1] == float('inf'), '%s%s: bounds %s' % (name, key, bounds)
        assert counts == sorted(counts) and counts[-1] == parts['_count'][0][1], '%s%s: counts %s' % (name, key, counts)


def main():
    text = sys.stdin.read()
    assert text.endswith('\n'), 'the last line has no end'
    kinds, helps, figures, series, last = {}, set(), {}, set(), None
    for line in text.splitlines():
        if line.startswith('# HELP '):
            name = line.split(' ')[2]
            assert name not in helps and len(line.split(' ', 3)[3]) > 0, line
            helps.add(name)
        elif match := re.fullmatch(r'# TYPE (%s) (counter|gauge|histogram)' % NAME, line):
            assert match[1] not in kinds and match[1] in helps, line
            kinds[match[1]] = match[2]
            last = match[1]
        else:
            match = SAMPLE.fullmatch(line)
            assert match, line
            name, labels, value = match[1], labels_of(match[2]), float(match[3])
            family = name if name in kinds else re.sub('_(bucket|sum|count)$', '', name)
            assert family == last, 'not below its type: ' + line
            assert (name, str(sorted(labels.items()))) not in series, 'twice: ' + line
            series.add((name, str(sorted(labels.items()))))
            assert (kinds[family] == 'histogram') == (name != family), line
            assert kinds[family] != 'counter' or (name.endswith('_total') and value >= 0), line
            figures.setdefault(family, []).append((name, labels, value))
    for name, kind in kinds.items():
        assert name in figures or kind == 'histogram', name + ' has no value'
        if kind == 'histogram':
            check_histogram(name, figures.get(name, []))
    assert len(figures) > LEAST_FIGURES, figures.keys()


try:
    main()
except (AssertionError, ValueError) as wrong:
    sys.exit('prometheus: %s' % wrong)
