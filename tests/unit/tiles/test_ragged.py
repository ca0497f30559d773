"""Runs of bytes without loops do what loops over lists of bytes do."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tiles import ragged
from tiles.ragged import Ragged


def of(runs: list[bytes]) -> Ragged:
    return Ragged(
        flat=np.frombuffer(b"".join(runs), np.uint8), lengths=np.array([len(r) for r in runs], np.int64)
    )


def back(found: Ragged) -> list[bytes]:
    ends = np.cumsum(found.lengths)
    return [found.flat[e - n : e].tobytes() for e, n in zip(ends, found.lengths, strict=True)]


pairs = st.lists(st.tuples(st.binary(max_size=5), st.binary(max_size=5)), max_size=8)


@given(pairs)
def test_woven_runs_are_the_pieces_one_after_the_other(runs):
    found = ragged.woven([of([a for a, _ in runs]), b"-", of([b for _, b in runs])])
    assert back(found) == [a + b"-" + b for a, b in runs]


@given(st.lists(st.binary(max_size=5), min_size=1, max_size=8), st.data())
def test_runs_in_another_order(runs, data):
    order = data.draw(st.lists(st.integers(0, len(runs) - 1), max_size=10))
    assert back(of(runs).take(np.array(order, np.int64))) == [runs[i] for i in order]


@given(st.lists(st.lists(st.binary(max_size=4), max_size=4), min_size=1, max_size=4))
def test_joined(parts):
    assert back(ragged.joined([of(p) for p in parts])) == [r for p in parts for r in p]
