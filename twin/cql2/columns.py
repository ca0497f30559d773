"""What a checked filter says of whole columns: the comparisons of a property with constants, three-valued.

It answers what is asked most; whatever else a filter may hold is left to the database (`answers` tells).
The outcome is that of `evaluating` for every row.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from datetime import date, datetime
from functools import reduce
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from twin.model import Op, Property

Column = Callable[[str], pa.Array]
"""The column of a property."""
Mask = NDArray[np.bool_]
ORDERS: Final[dict[str, tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Mask]]]] = {
    "=": (pc.equal, operator.eq),
    "<>": (pc.not_equal, operator.ne),
    "<": (pc.less, operator.lt),
    "<=": (pc.less_equal, operator.le),
    ">": (pc.greater, operator.gt),
    ">=": (pc.greater_equal, operator.ge),
}
"""Of Arrow's values, and of NumPy's numbers, which takes a fifth of the time."""
NUMBERS: Final = {pa.int64(): np.int64, pa.float64(): np.float64}
TURNED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
"""What a comparison is when its sides change places."""
CONSTANTS: Final = (str, int, float, datetime, date)
WHOLE: Final = range(-(2**63), 2**63)


class Said(NamedTuple):
    """The outcome for each row, three-valued (Kleene)."""

    true: Mask
    """(n,)"""
    unknown: Mask | None = None
    """(n,) none of them true; None where it is known of all."""

    @property
    def possible(self) -> Mask:
        """Where it is not false."""
        return self.true if self.unknown is None else self.true | self.unknown

    def also(self, other: Said) -> Said:
        """`and`."""
        true = self.true & other.true
        if self.unknown is None and other.unknown is None:
            return Said(true)
        return Said(true, self.possible & other.possible & ~true)

    def otherwise(self, other: Said) -> Said:
        """`or`."""
        true = self.true | other.true
        if self.unknown is None and other.unknown is None:
            return Said(true)
        return Said(true, (self.possible | other.possible) & ~true)

    def turned(self) -> Said:
        """`not`."""
        return Said(~self.possible, self.unknown)


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
    return np.flatnonzero(true(node, column, count))


def true(node: Any, column: Column, count: int) -> Mask:
    """(count,) of which rows such a filter is true."""
    return _said(node, column, count).true


def _said(node: Any, column: Column, count: int) -> Said:
    if not isinstance(node, Op):
        return Said(np.full(count, node))
    if node.op in ("in", "between"):
        node = _spelt(node)
    if node.op in ("and", "or"):
        joined = Said.also if node.op == "and" else Said.otherwise
        parts = [_said(part, column, count) for part in node.args]
        return reduce(joined, parts) if parts else Said(np.full(count, node.op == "and"))
    if node.op == "not":
        return _said(node.args[0], column, count).turned()
    if node.op == "isNull":
        return Said(np.asarray(column(node.args[0].name).is_null()))
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


def _compared(op: str, values: Any, constant: Any) -> Said:
    """A column beside a constant: whole numbers beside fractions, and beyond 64 bits, are compared as float64."""
    if pa.types.is_dictionary(values.type):
        return _coded(values, _compared(op, values.dictionary, constant))
    if isinstance(constant, int) and constant not in WHOLE:
        constant = float(constant)
    if values.type in NUMBERS:
        return _known(ORDERS[op][1](_numbers(values), constant), values)
    said = ORDERS[op][0](values, pa.scalar(constant, values.type))
    return _known(np.asarray(said.fill_null(False)), values)


def _numbers(values: pa.Array) -> NDArray[Any]:
    """(n,) a column of numbers as it lies in memory; anything where one is missing."""
    held = np.frombuffer(values.buffers()[1], NUMBERS[values.type])
    return held[values.offset : values.offset + len(values)]


def _known(said: Mask, values: pa.Array) -> Said:
    """What was said of values, and that nothing is known where one is missing."""
    if not values.null_count:
        return Said(said)
    missing = np.asarray(values.is_null())
    return Said(said & ~missing, missing)


def _coded(values: pa.DictionaryArray, said: Said) -> Said:
    """What is said of each distinct value, for each row; most often it is true of one."""
    codes = values.indices
    numbers = np.asarray(codes.fill_null(0) if codes.null_count else codes)
    found = np.flatnonzero(said.true)
    true = numbers == found[0] if len(found) == 1 else np.append(said.true, [False])[numbers]
    return _known(true, codes)
