"""Values to the type that a column has; what does not fit is named, not bent."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from twin.model import ColumnType
from twin.table import ARROW_TYPES, TIMESTAMP, cast, column_type

Typed = tuple[pa.Array, NDArray[np.bool_]]
"""The values in their type (null where they do not fit), and where they do not."""

NUMBER: Final = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
TRUE: Final = ("true", "t", "yes", "y", "1", "是", "有")
FALSE: Final = ("false", "f", "no", "n", "0", "否", "无")


def typed(values: pa.ChunkedArray, kind: ColumnType) -> Typed:
    """The values as that type."""
    flat = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if pa.types.is_dictionary(flat.type):
        flat = flat.dictionary_decode()
    if pa.types.is_null(flat.type):
        return pa.nulls(len(flat), ARROW_TYPES[kind]), np.zeros(len(flat), bool)
    reads = {"number": _number, "integer": _integer, "boolean": _boolean}
    read = reads.get(kind)
    return read(flat) if read else _other(flat, kind)


def text(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    """The values as trimmed text, empty ones null."""
    flat = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if pa.types.is_nested(flat.type):
        flat = cast(pa.chunked_array([flat]), "json").combine_chunks()
    if pa.types.is_binary(flat.type) or pa.types.is_large_binary(flat.type):
        flat = pa.array([None if v is None else v.hex() for v in flat.to_pylist()], pa.string())
    trimmed = pc.utf8_trim_whitespace(pc.cast(flat, pa.string()))
    return pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), trimmed)


def _number(values: pa.Array) -> Typed:
    if pa.types.is_boolean(values.type) or pa.types.is_temporal(values.type):
        return pa.nulls(len(values), pa.float64()), np.asarray(values.is_valid())
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        numbers = pc.cast(values, pa.float64(), safe=False)
        return numbers, _true(pc.is_nan(numbers))
    words = text(values)
    fits = pc.match_substring_regex(words, NUMBER)
    numbers = pc.cast(pc.if_else(fits, words, pa.scalar(None, pa.string())), pa.float64())
    return numbers, _true(pc.invert(fits))


def _integer(values: pa.Array) -> Typed:
    if pa.types.is_integer(values.type):
        return pc.cast(values, pa.int64()), np.zeros(len(values), bool)
    numbers, wrong = _number(values)
    flat = np.asarray(numbers.fill_null(0.0), np.float64)
    whole = np.isfinite(flat) & (flat == np.floor(flat)) & (np.abs(flat) < 2**53)
    wrong |= ~whole & np.asarray(numbers.is_valid())
    held = np.where(whole, flat, 0.0).astype(np.int64)
    return pa.array(held, pa.int64(), mask=wrong | np.asarray(numbers.is_null())), wrong


def _boolean(values: pa.Array) -> Typed:
    if pa.types.is_boolean(values.type):
        return values, np.zeros(len(values), bool)
    words = pc.utf8_lower(text(values))
    yes, no = (pc.is_in(words, pa.array(w)) for w in (TRUE, FALSE))
    known = pc.or_(yes, no)
    return pc.if_else(known, yes, pa.scalar(None, pa.bool_())), np.asarray(words.is_valid()) & ~_true(known)


def _other(values: pa.Array, kind: ColumnType) -> Typed:
    if kind in ("string", "json"):
        return text(values), np.zeros(len(values), bool)
    target = ARROW_TYPES[kind]
    if not pa.types.is_temporal(values.type):
        raise TypeError(f"dates are read by layers/dates.py, not from {values.type}")
    return pc.cast(values, target, safe=False), np.zeros(len(values), bool)


def _true(mask: pa.Array) -> NDArray[np.bool_]:
    return np.asarray(mask.fill_null(False))


def tidy(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """A source column that is none of the kind's: its own type, in the few that the catalogue has.

    NaN is what programs write for "no value"; in such a column it is null.
    """
    kind = column_type(values.type)
    if pa.types.is_floating(values.type):
        return pc.if_else(pc.is_finite(values), values, pa.scalar(None, values.type)).cast(pa.float64())
    if pa.types.is_timestamp(values.type):
        return pc.cast(values, TIMESTAMP, safe=False)
    if pa.types.is_binary(values.type) or pa.types.is_large_binary(values.type):
        return pa.chunked_array([text(values)])
    return cast(values, kind)
