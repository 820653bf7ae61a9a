"""What a case may say about an outcome."""

import errno
import os


def equal(actual, expected, what="value"):
    if actual != expected:
        raise AssertionError(f"{what} is {_short(actual)}, expected {_short(expected)}")


def true(condition, what):
    if not condition:
        raise AssertionError(f"does not hold: {what}")


def fails(number, call, *arguments, **keywords):
    """The call fails with just this errno."""
    try:
        result = call(*arguments, **keywords)
    except OSError as failure:
        if failure.errno != number:
            raise AssertionError(f"{_name(failure.errno)}, expected {_name(number)}") from failure
        return
    if isinstance(result, int) and call is os.open:
        os.close(result)
    raise AssertionError(f"succeeded, expected {_name(number)}")


def _name(number):
    return errno.errorcode.get(number, str(number))


def _short(value):
    text = repr(value)
    return text if len(text) <= 200 else text[:200] + "..."
