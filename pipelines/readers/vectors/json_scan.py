"""Where the members of a long JSON array begin and end, without building them.

GDAL and JSON parsers either hide faults or fall over them; this finds each feature's bytes first, so that
depth, size and truncation are known before anything is parsed. Works on chunks with numpy: a cumulative
count of brackets outside of strings is the depth at every bracket.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twin.errors import TooLarge, UnreadableFile

CHUNK: Final = 1 << 23
QUOTE, BACKSLASH = ord('"'), ord("\\")
DELTA: Final = np.zeros(256, np.int8)
DELTA[[ord("["), ord("{")]] = 1
DELTA[[ord("]"), ord("}")]] = -1
FEATURES: Final = b'"features"'
SPACE: Final = b" \t\r\n"


@dataclass(frozen=True, kw_only=True)
class Members:
    """The members of the array."""

    starts: NDArray[np.int64]
    """(n,) byte offsets of the members' first bytes."""
    ends: NDArray[np.int64]
    """(n,) byte offsets past their last."""
    depths: NDArray[np.int32]
    """(n,) deepest nesting in each."""
    brackets: NDArray[np.int64]
    """(n,) opening brackets in each; a geometry has no more vertices than that."""
    array: tuple[int, int]
    """Offsets of the array's own brackets; (0, 0) where there is no such array."""


@dataclass(frozen=True, kw_only=True)
class Marks:
    """Brackets outside of strings."""

    at: NDArray[np.int64]
    """(m,) byte offsets."""
    depth: NDArray[np.int32]
    """(m,) depth after each."""
    opens: NDArray[np.bool_]


def marks(data: NDArray[np.uint8], name: str) -> Marks:
    """Every bracket of a JSON text.

    Raises:
        UnreadableFile: the text ends inside a value, or closes what it never opened; names the offset.
    """
    inside, escaped, depth = False, False, 0
    ats: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
    depths: list[NDArray[np.int32]] = [np.empty(0, np.int32)]
    opens: list[NDArray[np.bool_]] = [np.empty(0, np.bool_)]
    for first in range(0, len(data), CHUNK):
        chunk = data[first : first + CHUNK]
        quoted, inside, escaped = _strings(chunk, inside=inside, escaped=escaped)
        delta = DELTA[chunk]
        at = np.flatnonzero((delta != 0) & ~quoted)
        level = depth + np.cumsum(delta[at], dtype=np.int32)
        depth = int(level[-1]) if len(level) else depth
        ats.append(at + first)
        depths.append(level)
        opens.append(delta[at] > 0)
    found = Marks(at=np.concatenate(ats), depth=np.concatenate(depths), opens=np.concatenate(opens))
    if (found.depth < 0).any():
        raise UnreadableFile(f"{name}: a bracket closes nothing at byte {int(found.at[found.depth < 0][0])}")
    if depth or inside:
        what = "a string" if inside else f"{depth} brackets"
        raise UnreadableFile(f"{name}: truncated; the file ends at byte {len(data)} with {what} still open")
    return found


def _strings(
    chunk: NDArray[np.uint8], *, inside: bool, escaped: bool
) -> tuple[NDArray[np.bool_], bool, bool]:
    """(n,) whether each byte lies in a string; whether the chunk ends in one, and after a lone backslash."""
    quotes = chunk == QUOTE
    slashes = np.flatnonzero(chunk == BACKSLASH)
    if escaped:
        quotes[0] = False
        slashes = slashes[slashes != 0]
    ends_escaped = False
    if len(slashes):
        run_ends = np.flatnonzero(np.append(np.diff(slashes) > 1, True))
        lengths = np.diff(np.append(-1, run_ends))
        after = slashes[run_ends[lengths % 2 == 1]] + 1
        ends_escaped = bool(len(after) and after[-1] == len(chunk))
        quotes[after[after < len(chunk)]] = False
    quoted = np.logical_xor.accumulate(quotes) ^ inside
    return quoted, bool(quoted[-1]), ends_escaped


def members(data: NDArray[np.uint8], name: str, *, limit: int) -> Members:
    """The members of the root object's `features` array.

    Args:
        limit: opening brackets that one member may have.

    Raises:
        UnreadableFile: truncated. TooLarge: a member has more vertices than the limit.
    """
    found = marks(data, name)
    start, end = _array(data, found)
    if start < 0:
        none = np.empty(0, np.int64)
        return Members(starts=none, ends=none, depths=none.astype(np.int32), brackets=none, array=(0, 0))
    inner = slice(start + 1, end)
    at, depth, opens = found.at[inner], found.depth[inner], found.opens[inner]
    begins = np.flatnonzero(opens & (depth == 3))
    closes = np.flatnonzero(~opens & (depth == 2))
    brackets = np.add.reduceat(opens, begins) if len(begins) else np.empty(0, np.int64)
    if len(brackets) and brackets.max() > limit:
        worst = int(np.argmax(brackets))
        raise TooLarge(
            f"{name}: feature {worst} has about {int(brackets[worst])} vertices; the limit is {limit}"
        )
    depths = np.maximum.reduceat(depth, begins) if len(begins) else np.empty(0, np.int32)
    return Members(
        starts=at[begins],
        ends=at[closes] + 1,
        depths=depths - 2,
        brackets=brackets.astype(np.int64),
        array=(int(found.at[start]), int(found.at[end])),
    )


def _array(data: NDArray[np.uint8], found: Marks) -> tuple[int, int]:
    """Places in the marks of the brackets of `features`; (-1, -1) where the root has none."""
    closes = np.flatnonzero(~found.opens & (found.depth == 1))
    for i in np.flatnonzero(found.opens & (found.depth == 2)):
        at = int(found.at[i])
        before = bytes(data[max(0, at - 64) : at]).rstrip(SPACE)
        if data[at] == ord("[") and before.endswith(b":") and before[:-1].rstrip(SPACE).endswith(FEATURES):
            return int(i), int(closes[np.searchsorted(closes, i)])
    return -1, -1
