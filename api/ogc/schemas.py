"""A process's input dataclass as JSON Schema, and values checked against it.

A field of type `twin.model.Filter` is three inputs, as everywhere else: the filter, its language and the CRS of
its geometries (`api/ogc/filters.py`).
"""

from __future__ import annotations

import types
import typing
from dataclasses import MISSING, Field, fields
from typing import Any

import orjson

from api.ogc import filters
from pipelines.processes.process import Process
from twin.errors import InvalidParameter, TooLarge
from twin.model import Filter, Op

PLAIN: dict[type, str] = {float: "number", int: "integer", str: "string", bool: "boolean", dict: "object"}
ITEMS = 10_000
"""Members that a list input may have."""


def inputs(process: Process) -> dict[str, Any]:
    """The `inputs` member of a process description (OGC API Processes Part 1, 7.4)."""
    hints = typing.get_type_hints(process.inputs)
    found: dict[str, Any] = {}
    for field in fields(process.inputs):
        hint = hints[field.name]
        found.update(_filters(field) if _is_filter(hint) else {field.name: _input(field, hint)})
    return found


def _is_filter(hint: Any) -> bool:
    return Op in typing.get_args(hint)


def _filters(field: Field[Any]) -> dict[str, Any]:
    """The three inputs that a filter is said with."""
    written = {
        "oneOf": [
            {"type": "string", "format": "cql2-text"},
            {"type": "object", "format": "cql2-json"},
            {"type": "boolean"},
        ]
    }
    language = {"type": "string", "enum": [*filters.LANGUAGES]}
    meta = field.metadata
    words = {"": ("title_zh", "title_en"), "-lang": ("过滤语言", "The filter's language"),
             "-crs": ("过滤坐标系", "The CRS of the filter's geometries")}  # fmt: skip
    shapes = {"": written, "-lang": language, "-crs": {"type": "string", "format": "uri"}}
    return {
        f"{field.name}{part}": {
            "title": meta.get(zh, zh),
            "description": meta.get(en, en),
            "schema": shapes[part],
            "minOccurs": 0,
            "maxOccurs": 1,
        }
        for part, (zh, en) in words.items()
    }


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
        InvalidFilter, UnknownCRS: a filter is no CQL2, or its CRS is not known.
        TooLarge: a list is too long.
    """
    if not isinstance(said, dict):
        raise InvalidParameter("inputs must be an object")
    hints = typing.get_type_hints(process.inputs)
    known = {f.name: f for f in fields(process.inputs)}
    there = inputs(process)
    if unknown := sorted(set(said) - set(there)):
        raise InvalidParameter(f"no input {', '.join(unknown)[:200]}; there are {', '.join(there)}")
    values: dict[str, Any] = {name: filter_of(said, name) for name in known if _is_filter(hints[name])}
    plain = [name for name in said if name in known and name not in values]
    values |= {name: _value(known[name], hints[name], said[name]) for name in plain}
    for name, field in known.items():
        if name not in values and field.default is MISSING and field.default_factory is MISSING:
            raise InvalidParameter(f"the input {name} is missing")
    return process.inputs(**values)


def filter_of(said: dict[str, Any], name: str) -> Filter | None:
    """The filter that inputs state as CQL2 text, or as CQL2 JSON: an object, or its text.

    Raises:
        InvalidParameter: a member is of another type, or the language is not that of an object.
        InvalidFilter, UnknownCRS: as `filters.read` has them.
    """
    given = {part: said.get(f"{name}{part}") for part in ("", "-lang", "-crs")}
    if isinstance(given[""], dict | bool):
        if given["-lang"] not in (None, "cql2-json"):
            raise InvalidParameter(f"{name} is an object; its {name}-lang is cql2-json")
        given |= {"": orjson.dumps(given[""]).decode(), "-lang": "cql2-json"}
    for part, value in given.items():
        if value is not None and not isinstance(value, str):
            kinds = "a string or an object" if not part else "a string"
            raise InvalidParameter(f"{name}{part} must be {kinds}")
    return filters.read({f"filter{part}": v for part, v in given.items() if isinstance(v, str)})


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
