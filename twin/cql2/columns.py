"""What a checked filter says of whole columns: the comparisons of a property with constants, three-valued.

It answers what is asked most; whatever else a filter may hold is left to the database (`answers` tells).
The outcome is that of `evaluating` for every row.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from functools import reduce
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from twin.model import Op, Property

Column = Callable[[str], pa.ChunkedArray]
"""The column of a property."""
ORDERS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "=": pc.equal,
    "<>": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}
TURNED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
"""What a comparison is when its sides change places."""
CONSTANTS: Final = (str, int, float, datetime, date)
WHOLE: Final = range(-(2**63), 2**63)


def answers(node: Any) -> bool:
    """Whether `which` can tell what a checked filter says."""
    if not isinstance(node, Op):
        return isinstance(node, bool)
    if node.op in ("and", "or", "not"):
        return all(map(answers, node.args))
    first, *others = node.args
    if node.op in ("isNull", "in", "between"):
        constants = others[0] if node.op == "in" else others
        return isinstance(first, Property) and all(map(_constant, constants))
    sides = {isinstance(a, Property): _constant(a) for a in node.args}
    return node.op in ORDERS and sides == {True: False, False: True}


def _constant(value: Any) -> bool:
    return isinstance(value, CONSTANTS) and not isinstance(value, bool)


def which(node: Any, column: Column, count: int) -> NDArray[np.int64]:
    """The places, ascending, of the rows of which a checked filter that `answers` takes is true."""
    said = _said(node, column, count)
    valid, values = (
        np.unpackbits(np.frombuffer(bits, np.uint8), bitorder="little")[said.offset : said.offset + count]
        if bits is not None
        else np.uint8(1)
        for bits in said.buffers()
    )
    return np.flatnonzero((valid & values).view(bool))


def _said(node: Any, column: Column, count: int) -> Any:
    """The outcome for each row, null where it is unknown."""
    if not isinstance(node, Op):
        return pa.repeat(pa.scalar(node), count)
    if node.op in ("in", "between"):
        node = _spelt(node)
    if node.op in ("and", "or"):
        joined = pc.and_kleene if node.op == "and" else pc.or_kleene
        parts = [_said(part, column, count) for part in node.args]
        return reduce(joined, parts) if parts else pa.repeat(pa.scalar(node.op == "and"), count)
    if node.op == "not":
        return pc.invert(_said(node.args[0], column, count))
    if node.op == "isNull":
        return pc.is_null(column(node.args[0].name))
    one, other = node.args
    if isinstance(one, Property):
        return _compared(node.op, column(one.name), other)
    return _compared(TURNED.get(node.op, node.op), column(other.name), one)


def _spelt(node: Op) -> Op:
    """`in` and `between` as comparisons."""
    if node.op == "in":
        return Op(op="or", args=tuple(Op(op="=", args=(node.args[0], choice)) for choice in node.args[1]))
    value, low, high = node.args
    return Op(op="and", args=(Op(op=">=", args=(value, low)), Op(op="<=", args=(value, high))))


def _compared(op: str, values: Any, constant: Any) -> Any:
    """A column beside a constant: whole numbers beside fractions, and beyond 64 bits, are compared as float64."""
    if pa.types.is_dictionary(values.type):
        return _coded(values, _compared(op, values.dictionary, constant))
    if isinstance(constant, int) and constant not in WHOLE:
        constant = float(constant)
    if isinstance(constant, float) and pa.types.is_integer(values.type):
        values = values.cast(pa.float64(), safe=False)
    if isinstance(constant, int) and pa.types.is_floating(values.type):
        constant = float(constant)
    return ORDERS[op](values, pa.scalar(constant, values.type))


def _coded(values: pa.DictionaryArray, said: pa.BooleanArray) -> Any:
    """What is said of each distinct value, for each row; most often it is true of one."""
    true = pc.indices_nonzero(said)
    if len(true) == 1:
        return pc.equal(values.indices, pa.scalar(true[0].as_py(), values.indices.type))
    return said.take(values.indices)
