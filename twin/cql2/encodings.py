"""Nodes as CQL2 JSON and as CQL2 text, and nodes of CQL2 JSON (OGC 21-065r2, clause 8)."""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from typing import Any

import orjson
import pyproj
import shapely

from twin.cql2 import literals, names
from twin.cql2.limits import deep
from twin.cql2.literals import Shape
from twin.errors import InvalidFilter
from twin.model import Op, Property


def from_json(node: Any, crs: pyproj.CRS | None, depth: int = 0) -> Any:
    """The nodes of a JSON value.

    Raises:
        InvalidFilter: a member is no part of CQL2 JSON.
    """
    deep(depth)
    if isinstance(node, bool | str):
        return node
    if isinstance(node, int | float):
        return literals.number(node)
    if isinstance(node, list):
        return tuple(from_json(n, crs, depth + 1) for n in node)
    if isinstance(node, dict):
        return _object(node, crs, depth)
    raise InvalidFilter("null is no value of a filter; use isNull for what is missing")


def _object(node: dict[str, Any], crs: pyproj.CRS | None, depth: int) -> Any:  # noqa: PLR0911  (a kind of node each)
    if isinstance(node.get("type"), str):
        return literals.geojson(node, crs)
    match node:
        case {"op": str(op), "args": list(args), **rest} if not rest:
            return _operation(op, tuple(from_json(a, crs, depth + 1) for a in args))
        case {"property": str(name), **rest} if not rest:
            return Property(name=name)
        case {"date": str(text), **rest} if not rest:
            return literals.day(text)
        case {"timestamp": str(text), **rest} if not rest:
            return literals.timestamp(text)
        case {"interval": [start, end], **rest} if not rest:
            ends = (
                literals.end(e) if isinstance(e, str) else from_json(e, crs, depth + 1) for e in (start, end)
            )
            return Op(op="interval", args=tuple(ends))
        case {"bbox": list(values), **rest} if not rest:
            return literals.bbox(
                [literals.number(v) if isinstance(v, int | float) else v for v in values], crs
            )
    raise InvalidFilter(
        f"the object with {', '.join(map(repr, list(node)[:5])) or 'nothing'} is no part of CQL2 JSON; there are"
        " op with args, property, date, timestamp, interval, bbox, and GeoJSON geometries"
    )


def _operation(op: str, args: tuple[Any, ...]) -> Op:
    name = names.canonical(op)
    if name in ("and", "or") and len(args) < 2:
        raise InvalidFilter(f"{name} takes at least two arguments, not {len(args)}")
    if name == "-" and len(args) == 1:
        return Op(op="*", args=(-1, *args))
    return Op(op=name, args=args)


def as_json(node: Any) -> Any:  # noqa: PLR0911  (a kind of node each)
    """Nodes as CQL2 JSON."""
    if isinstance(node, Op):
        if node.op == "interval":
            return {"interval": [_json_end(a) for a in node.args]}
        return {"op": node.op, "args": [as_json(a) for a in node.args]}
    if isinstance(node, Property):
        return {"property": node.name}
    if isinstance(node, Shape):
        return orjson.loads(shapely.to_geojson(node.geometry))
    if isinstance(node, tuple):
        return [as_json(n) for n in node]
    if isinstance(node, datetime):
        return {"timestamp": _moment(node)}
    if isinstance(node, date):
        return {"date": node.isoformat()}
    return literals.number(node) if isinstance(node, float) else node


def _json_end(node: Any) -> Any:
    return _end(node) if node is None or isinstance(node, date) else as_json(node)


def _end(node: date | None) -> str:
    if node is None:
        return ".."
    return _moment(node) if isinstance(node, datetime) else node.isoformat()


def _moment(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat() + "Z"


def as_text(node: Any) -> str:  # noqa: PLR0911  (a kind of node each)
    """Nodes as CQL2 text."""
    if isinstance(node, Op):
        return _text_of(node)
    if isinstance(node, Property):
        return names.quoted(node.name)
    if isinstance(node, bool):
        return "TRUE" if node else "FALSE"
    if isinstance(node, str):
        return "'" + node.replace("'", "''") + "'"
    if isinstance(node, Shape):
        return str(shapely.to_wkt(node.geometry, rounding_precision=-1))
    if isinstance(node, tuple):
        return f"({', '.join(map(as_text, node))})"
    if isinstance(node, datetime):
        return f"TIMESTAMP('{_moment(node)}')"
    return f"DATE('{node.isoformat()}')" if isinstance(node, date) else repr(literals.number(node))


def _text_of(node: Op) -> str:  # noqa: PLR0911  (a form of operator each)
    if node.op == "interval":
        ends = (repr(_end(a)) if a is None or isinstance(a, date) else as_text(a) for a in node.args)
        return f"INTERVAL({', '.join(ends)})"
    args = [_operand(a) for a in node.args]
    if node.op in ("and", "or"):
        return f" {node.op.upper()} ".join(args)
    if node.op == "not":
        return f"NOT {args[0]}"
    if node.op == "isNull":
        return f"{args[0]} IS NULL"
    if node.op == "between":
        return f"{args[0]} BETWEEN {args[1]} AND {args[2]}"
    if node.op in (*names.COMPARISON, *names.ARITHMETIC, "like", "in"):
        return f" {node.op.upper()} ".join(args)
    return f"{node.op}({', '.join(map(as_text, node.args))})"


def _operand(node: Any) -> str:
    return f"({as_text(node)})" if isinstance(node, Op) else as_text(node)


def key(node: Any) -> str:
    """What two filters have in common when they are the same, for caches and entity tags: 24 hex digits."""
    return hashlib.blake2b(
        orjson.dumps(as_json(node), option=orjson.OPT_SORT_KEYS), digest_size=12
    ).hexdigest()
