"""Subtrees of implicit tiling, read (3D Tiles 1.1, chapter 8; also the extension 3DTILES_implicit_tiling of 1.0)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from twin.errors import UnreadableFile

HEAD: Final = struct.Struct("<4sI2Q")
LEVELS: Final = 16
"""Most levels of a subtree: 4^16 tiles are more than anybody lists."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Subtree:
    """What there is in a subtree: booleans in the order of level and Morton index."""

    tiles: NDArray[np.bool_]
    """(t,) bool, all levels of the subtree."""
    contents: tuple[NDArray[np.bool_], ...]
    """(t,) bool for each content of a tile."""
    subtrees: NDArray[np.bool_]
    """(branches^levels,) bool: the subtrees below."""


def read(data: bytes, name: str, *, levels: int, branches: int, external: Callable[[str], bytes]) -> Subtree:
    """A `.subtree` or its JSON form.

    Args:
        data: the file. name: for messages.
        levels: of a subtree, as the tileset says. branches: 4 (quadtree) or 8 (octree).
        external: a buffer by its URI, beside the subtree.

    Raises:
        UnreadableFile: it is broken or holds less than it must.
    """
    try:
        said, inside = _parts(data, name)
        buffers = [inside if "uri" not in b else external(b["uri"]) for b in said.get("buffers", [])]
        views = [
            memoryview(buffers[v["buffer"]])[v["byteOffset"] : v["byteOffset"] + v["byteLength"]]
            for v in said.get("bufferViews", [])
        ]
        count = (branches**levels - 1) // (branches - 1)
        contents = said.get("contentAvailability", [])
        listed = contents if isinstance(contents, list) else [contents]
        return Subtree(
            tiles=_bits(said["tileAvailability"], views, count),
            contents=tuple(_bits(c, views, count) for c in listed),
            subtrees=_bits(said["childSubtreeAvailability"], views, branches**levels),
        )
    except (orjson.JSONDecodeError, struct.error, LookupError, TypeError, ValueError) as error:
        raise UnreadableFile(
            f"{name}: no subtree that can be read ({type(error).__name__}: {error})"
        ) from error


def _parts(data: bytes, name: str) -> tuple[dict[str, Any], bytes]:
    if not data.startswith(b"subt"):
        return orjson.loads(data), b""
    _, version, json, binary = HEAD.unpack_from(data)
    if version != 1 or HEAD.size + json + binary > len(data):
        raise UnreadableFile(
            f"{name}: its header says version {version} and {HEAD.size + json + binary} bytes, it has {len(data)}"
        )
    return orjson.loads(data[HEAD.size : HEAD.size + json]), data[HEAD.size + json :]


def _bits(said: dict[str, Any], views: list[memoryview], count: int) -> NDArray[np.bool_]:
    if "constant" in said:
        return np.full(count, bool(said["constant"]))
    view = views[said["bitstream"] if "bitstream" in said else said["bufferView"]]
    bits = np.unpackbits(np.frombuffer(view, np.uint8), bitorder="little")
    if len(bits) < count:
        raise ValueError(f"{len(bits)} bits for {count} tiles")
    return bits[:count].astype(bool)


def places(level: int, branches: int) -> NDArray[np.int64]:
    """(branches^level, 2 or 3) int64: column, row (and layer) of each Morton index of a level."""
    axes = 2 if branches == 4 else 3
    index = np.arange(branches**level, dtype=np.int64)
    found = np.zeros((len(index), axes), np.int64)
    for bit in range(level):
        for axis in range(axes):
            found[:, axis] |= ((index >> (bit * axes + axis)) & 1) << bit
    return found
