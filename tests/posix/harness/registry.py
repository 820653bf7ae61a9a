"""The list of cases: a function marked with @case is one, and its name is the function's, with dashes."""

import importlib
import pkgutil
from dataclasses import dataclass
from typing import Callable

import cases


@dataclass(frozen=True)
class Case:
    """One behaviour. It runs in a process and an empty directory of its own, and raises where it does not hold."""

    name: str
    group: str
    body: Callable[[], None]


_cases: dict[str, Case] = {}


def case(body):
    """Marks a function as a case. A name may be used once in the whole list."""
    name = body.__name__.replace("_", "-")
    if name in _cases:
        raise ValueError(f"two cases are called {name}")
    group = body.__module__.rsplit(".", 1)[-1].replace("_", "-")
    _cases[name] = Case(name, group, body)
    return body


def load_all():
    for module in sorted(pkgutil.iter_modules(cases.__path__), key=lambda m: m.name):
        importlib.import_module(f"cases.{module.name}")


def select(names):
    """All cases, or those whose name or group is given."""
    return [c for c in _cases.values() if not names or c.name in names or c.group in names]
