"""What DuckDB calls for the operators that it has not, or has otherwise: functions on Arrow arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import duckdb
import numpy as np
import orjson
import pyarrow as pa
import shapely
from duckdb.func import ARROW, SPECIAL

from twin.cql2 import arrays, constants, folding
from twin.cql2.semantics import OPERATORS


def register(con: duckdb.DuckDBPyConnection) -> None:
    """Make the functions known to a connection."""
    functions: tuple[tuple[str, Callable[..., pa.Array], list[Any], str], ...] = (
        ("twin_casei", _folding(folding.casei), ["VARCHAR"], "VARCHAR"),
        ("twin_accenti", _folding(folding.accenti), ["VARCHAR"], "VARCHAR"),
        ("twin_arithmetic", arithmetic, ["VARCHAR", "DOUBLE", "DOUBLE"], "DOUBLE"),
        ("twin_spatial", spatial, ["VARCHAR", "BLOB", "BLOB"], "BOOLEAN"),
        ("twin_array", array, ["VARCHAR", "VARCHAR", "BLOB"], "BOOLEAN"),
    )
    for name, function, takes, gives in functions:
        con.create_function(name, function, takes, gives, type=ARROW, null_handling=SPECIAL)


def _folding(fold: Callable[[str], str]) -> Callable[[pa.ChunkedArray], pa.Array]:
    def folded(texts: pa.ChunkedArray) -> pa.Array:
        return pa.array([None if t is None else fold(t) for t in texts.to_pylist()], pa.string())

    return folded


VECTORISED: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "div": lambda a, b: np.trunc(a / b),
    "mod": lambda a, b: a - b * np.trunc(a / b),
}
"""The same rounding as Python's own; powers are not among them, since NumPy has its own."""


def arithmetic(ops: pa.ChunkedArray, one: pa.ChunkedArray, other: pa.ChunkedArray) -> pa.Array:
    """(n,) float64; null where an operand is, or where the outcome is not finite."""
    op = ops[0].as_py()
    if op not in VECTORISED:
        power = OPERATORS[op].python
        pairs = zip(one.to_pylist(), other.to_pylist(), strict=True)
        return pa.array([None if a is None or b is None else power(a, b) for a, b in pairs], pa.float64())
    with np.errstate(all="ignore"):
        found = VECTORISED[op](*(side.to_numpy(zero_copy_only=False) for side in (one, other)))
    return pa.array(found, pa.float64(), mask=~np.isfinite(found))


def spatial(ops: pa.ChunkedArray, geoms: pa.ChunkedArray, others: pa.ChunkedArray) -> pa.Array:
    """(n,) bool: what a predicate says of geometries and a constant, or of pairs; null where one is missing."""
    predicate = getattr(shapely, ops[0].as_py().removeprefix("s_"))
    shapes = shapely.from_wkb(geoms.to_numpy(zero_copy_only=False))
    first = others[0].as_py()
    if first is not None and constants.is_name(first):
        shape = shapely.from_wkb(constants.constant(first))
        shapely.prepare(shape)
        return pa.array(_prepared(predicate, shapes, shape), mask=shapely.is_missing(shapes))
    pairs = shapely.from_wkb(others.to_numpy(zero_copy_only=False))
    return pa.array(predicate(shapes, pairs), mask=shapely.is_missing(shapes) | shapely.is_missing(pairs))


def _prepared(predicate: Any, shapes: Any, shape: shapely.Geometry) -> Any:
    """With the prepared geometry first, where GEOS looks for it."""
    turned = {shapely.contains: shapely.within, shapely.within: shapely.contains}
    return turned.get(predicate, predicate)(shape, shapes)


def array(ops: pa.ChunkedArray, texts: pa.ChunkedArray, others: pa.ChunkedArray) -> pa.Array:
    """(n,) bool: how JSON arrays relate to a constant one, or pairs to each other; null where one is none."""
    op = ops[0].as_py()
    pairs = zip(texts.to_pylist(), _members(others), strict=True)
    found = [(arrays.members(t) if t is not None else None, o) for t, o in pairs]
    return pa.array(
        [None if a is None or b is None else arrays.related(op, a, b) for a, b in found], pa.bool_()
    )


def _members(others: pa.ChunkedArray) -> list[arrays.Members | None]:
    first = others[0].as_py()
    if first is not None and constants.is_name(first):
        constant = arrays.member_set(orjson.loads(constants.constant(first)))
        return [constant] * len(others)
    return [None if o is None else arrays.members(o.decode()) for o in others.to_pylist()]
