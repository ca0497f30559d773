"""A process's input dataclass as JSON Schema, and values checked against it."""

from __future__ import annotations

import types
import typing
from dataclasses import MISSING, Field, fields
from typing import Any

from pipelines.processes.process import Process
from twin.errors import InvalidParameter, TooLarge

PLAIN: dict[type, str] = {float: "number", int: "integer", str: "string", bool: "boolean", dict: "object"}
ITEMS = 10_000
"""Members that a list input may have."""


def inputs(process: Process) -> dict[str, Any]:
    """The `inputs` member of a process description (OGC API Processes Part 1, 7.4)."""
    hints = typing.get_type_hints(process.inputs)
    return {f.name: _input(f, hints[f.name]) for f in fields(process.inputs)}


def _input(field: Field[Any], hint: Any) -> dict[str, Any]:
    required = field.default is MISSING and field.default_factory is MISSING
    meta = field.metadata
    schema = {**_schema(hint), **{k: meta[k] for k in ("minimum", "maximum", "format") if k in meta}}
    if meta.get("unit"):
        schema["x-ogc-unit"] = meta["unit"]
    if not required and field.default not in (MISSING, None):
        schema["default"] = field.default
    return {
        "title": meta.get("title_zh", field.name),
        "description": meta.get("title_en", field.name),
        "schema": schema,
        "minOccurs": 1 if required else 0,
        "maxOccurs": 1,
    }


def _schema(hint: Any) -> dict[str, Any]:
    base = _base(hint)
    if typing.get_origin(base) is list:
        return {"type": "array", "items": _schema(typing.get_args(base)[0])}
    return {"type": PLAIN[typing.get_origin(base) or base]}


def _base(hint: Any) -> Any:
    """The type without `| None`."""
    if isinstance(hint, types.UnionType):
        return next(a for a in typing.get_args(hint) if a is not type(None))
    return hint


def read(process: Process, said: Any) -> Any:
    """The inputs object of an execute request's `inputs`.

    Raises:
        InvalidParameter: an input is unknown, missing, of another type or out of its range.
        TooLarge: a list is too long.
    """
    if not isinstance(said, dict):
        raise InvalidParameter("inputs must be an object")
    hints = typing.get_type_hints(process.inputs)
    known = {f.name: f for f in fields(process.inputs)}
    if unknown := sorted(set(said) - set(known)):
        raise InvalidParameter(f"no input {', '.join(unknown)[:200]}; there are {', '.join(known)}")
    values = {name: _value(known[name], hints[name], value) for name, value in said.items()}
    for name, field in known.items():
        if name not in values and field.default is MISSING and field.default_factory is MISSING:
            raise InvalidParameter(f"the input {name} is missing")
    return process.inputs(**values)


def _value(field: Field[Any], hint: Any, value: Any) -> Any:
    if value is None and isinstance(hint, types.UnionType):
        return None
    found = _typed(field.name, _base(hint), value)
    low, high = field.metadata.get("minimum"), field.metadata.get("maximum")
    if (low is not None and found < low) or (high is not None and found > high):
        raise InvalidParameter(f"{field.name}={found} must be from {low} to {high}")
    return found


def _typed(name: str, base: Any, value: Any) -> Any:
    if typing.get_origin(base) is list:
        if not isinstance(value, list):
            raise InvalidParameter(f"{name} must be a list")
        if len(value) > ITEMS:
            raise TooLarge(f"{name} has {len(value)} members; at most {ITEMS}")
        return [_typed(name, typing.get_args(base)[0], v) for v in value]
    plain = typing.get_origin(base) or base
    if plain is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, plain) or (plain is int and isinstance(value, bool)):
        raise InvalidParameter(f"{name} must be of type {PLAIN[plain]}")
    return value
