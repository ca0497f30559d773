"""Many short runs of bytes in one array: put side by side, reordered, woven together, without a loop over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
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
        return _ragged(self.array.take(pa.array(order)))

    @property
    def array(self) -> pa.Array:
        """(n,) the runs as Arrow's binary, over the same bytes."""
        offsets = np.zeros(len(self.lengths) + 1, np.int32)
        np.cumsum(self.lengths, out=offsets[1:])
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(self.flat))]
        return pa.Array.from_buffers(pa.binary(), len(self.lengths), buffers)


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


def woven(pieces: Sequence[Ragged | pa.Array | bytes]) -> Ragged:
    """Runs made of pieces: the first run of each, then the second of each, and so on; bytes stand in every run."""
    parts = [p.array if isinstance(p, Ragged) else _constant(p) for p in pieces]
    return _ragged(pc.binary_join_element_wise(*parts, pa.scalar(b"", pa.binary())))


def _constant(piece: pa.Array | bytes) -> pa.Array | pa.Scalar:
    return pa.scalar(piece, pa.binary()) if isinstance(piece, bytes) else piece


def _ragged(found: pa.Array) -> Ragged:
    _, places, data = found.buffers()
    offsets = np.frombuffer(places, np.int32)[found.offset : found.offset + len(found) + 1]
    held = np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8)
    return Ragged(flat=held[offsets[0] : offsets[-1]], lengths=np.diff(offsets).astype(np.int64))
