"""Figures of a layer's columns: how often each value stands, steps of a number, sums over what was chosen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from twin.errors import InvalidParameter

METHODS = ("quantile", "equal", "natural")
MOST_STEPS = 9
MOST_VALUES = 500
"""Distinct numbers that natural breaks are looked for among; more are taken as so many quantiles."""


def numeric(column: pa.ChunkedArray) -> NDArray[np.float64]:
    """The finite numbers of a column, sorted."""
    values = column.drop_null().cast(pa.float64(), safe=False).to_numpy()
    return np.sort(values[np.isfinite(values)])


def common(column: pa.ChunkedArray, most: int) -> dict[str, Any]:
    """The most frequent values with their counts, how many differ in all, and how many rows have none."""
    present = column.drop_null()
    said = pc.value_counts(present.combine_chunks()).to_pylist()
    said.sort(key=lambda v: (-v["counts"], str(v["values"])))
    return {
        "values": [{"value": v["values"], "count": v["counts"]} for v in said[:most]],
        "distinct": len(said),
        "missing": len(column) - len(present),
    }


def sums(column: pa.ChunkedArray) -> dict[str, Any]:
    """Count, sum, mean, least and greatest of a column's numbers; all but the count null where there are none."""
    values = numeric(column)
    if not len(values):
        return {"count": 0, "sum": None, "mean": None, "min": None, "max": None}
    return {
        "count": len(values),
        "sum": float(values.sum()),
        "mean": float(values.mean()),
        "min": float(values[0]),
        "max": float(values[-1]),
    }


def breaks(column: pa.ChunkedArray, steps: int, method: str) -> list[float]:
    """The limits between `steps` classes of a column, ascending and different; fewer where the values do not differ.

    `quantile`: as many rows in each. `equal`: steps of one width. `natural`: least variance within (Fisher 1958, as
    Jenks draws maps). A step holds its lower limit.

    Raises:
        InvalidParameter: no such method, or no such number of steps.
    """
    if method not in METHODS:
        raise InvalidParameter(f"method={method[:50]!r} must be one of {', '.join(METHODS)}")
    if not 2 <= steps <= MOST_STEPS:
        raise InvalidParameter(f"steps={steps} must be from 2 to {MOST_STEPS}")
    values = numeric(column)
    if not len(values) or values[0] == values[-1]:
        return []
    if method == "equal":
        found = np.linspace(values[0], values[-1], steps + 1)[1:-1]
    elif method == "quantile":
        found = np.quantile(values, np.linspace(0, 1, steps + 1)[1:-1], method="higher")
    else:
        found = natural(values, steps)
    rounded = [_round(v, float(values[-1] - values[0])) for v in found]
    return sorted({v for v in rounded if values[0] < v <= values[-1]})


def _round(value: float, span: float) -> float:
    """Three figures of the span: limits that can be read."""
    digits = 2 - int(np.floor(np.log10(span)))
    return round(float(value), digits)


def natural(values: NDArray[np.float64], steps: int) -> NDArray[np.float64]:
    """Where each class but the first begins, with the least sum of squares within classes (dynamic programming)."""
    distinct, weight = np.unique(values, return_counts=True)
    if len(distinct) > MOST_VALUES:
        distinct, weight = np.unique(
            np.quantile(values, np.linspace(0, 1, MOST_VALUES), method="nearest"), return_counts=True
        )
    n = len(distinct)
    steps = min(steps, n)
    moved = distinct - distinct.mean()
    w, s, q = (np.concatenate([[0.0], np.cumsum(weight * moved**k)]) for k in (0, 1, 2))
    best = np.full((steps + 1, n + 1), np.inf)
    best[0, 0] = 0.0
    cut = np.zeros((steps + 1, n + 1), int)
    for k in range(1, steps + 1):
        for j in range(k, n + 1):
            i = np.arange(k - 1, j)
            within = (q[j] - q[i]) - (s[j] - s[i]) ** 2 / (w[j] - w[i])
            cost = best[k - 1, i] + within
            cut[k, j] = i[np.argmin(cost)]
            best[k, j] = cost.min()
    found, j = [], n
    for k in range(steps, 1, -1):
        j = cut[k, j]
        found.append(distinct[j])
    return np.array(found[::-1])
