"""Things that are found, not listed: a module in a package that defines the constant is an entry."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import Protocol

from twin.errors import UnsupportedFormat


class Named(Protocol):
    """An entry."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...


@cache
def entries(package: str, constant: str) -> dict[str, Named]:
    """Every entry of a package by its name, in the order of the modules' names.

    Args:
        package: dotted name of the package, for example `pipelines.readers`.
        constant: name of the module-level constant, for example `READER`.

    Raises:
        ValueError: two modules give the same name.
    """
    found: dict[str, Named] = {}
    for info in pkgutil.iter_modules(importlib.import_module(package).__path__):
        entry = getattr(importlib.import_module(f"{package}.{info.name}"), constant, None)
        if entry is None:
            continue
        if entry.name in found:
            raise ValueError(f"{package}: two modules define {constant} {entry.name!r}")
        found[entry.name] = entry
    return found


def entry(package: str, constant: str, name: str) -> Named:
    """The entry of that name.

    Raises:
        UnsupportedFormat: there is none; says which there are.
    """
    found = entries(package, constant)
    if name not in found:
        raise UnsupportedFormat(f"no {constant.lower()} {name!r}; there are {', '.join(found)}")
    return found[name]
