"""Many short runs of bytes in one array: put side by side, reordered, woven together, without a loop over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Ragged:
    """Runs of bytes, one after the other."""

    flat: NDArray[np.uint8]
    lengths: NDArray[np.int64]
    """(n,) of each run."""

    def __len__(self) -> int:
        return len(self.lengths)

    def take(self, order: NDArray[np.int64]) -> Ragged:
        """The runs in another order."""
        starts = np.cumsum(self.lengths) - self.lengths
        lengths = self.lengths[order]
        return Ragged(flat=self.flat[_places(starts[order], lengths)], lengths=lengths)


NONE: Final = Ragged(flat=np.empty(0, np.uint8), lengths=np.empty(0, np.int64))


def alike(rows: NDArray[np.integer]) -> Ragged:
    """The rows of an (n, k) array of bytes as runs of one length."""
    flat = np.ascontiguousarray(rows, np.uint8).ravel()
    return Ragged(flat=flat, lengths=np.full(len(rows), rows.shape[1], np.int64))


def joined(parts: Sequence[Ragged]) -> Ragged:
    """The runs of several one after the other."""
    return Ragged(
        flat=np.concatenate([p.flat for p in parts]), lengths=np.concatenate([p.lengths for p in parts])
    )


def woven(pieces: Sequence[Ragged | bytes]) -> Ragged:
    """Runs made of pieces: the first run of each, then the second of each, and so on; bytes stand in every run."""
    count = next(len(p) for p in pieces if isinstance(p, Ragged))
    whole = [
        p if isinstance(p, Ragged) else alike(np.tile(np.frombuffer(p, np.uint8), (count, 1))) for p in pieces
    ]
    lengths = np.sum([p.lengths for p in whole], axis=0, dtype=np.int64)
    starts = np.cumsum(lengths) - lengths
    flat = np.empty(int(lengths.sum()), np.uint8)
    for piece in whole:
        flat[_places(starts, piece.lengths)] = piece.flat
        starts = starts + piece.lengths
    return Ragged(flat=flat, lengths=lengths)


def _places(starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where the bytes of runs are that begin there."""
    before = np.cumsum(lengths) - lengths
    return np.repeat(starts - before, lengths) + np.arange(int(lengths.sum()))
