"""Contents of tiles that others made: what they refer to, and the box they fill, by their headers alone.

b3dm, i3dm, pnts and cmpt of 3D Tiles 1.0 and glTF of 1.1. Of points the positions are read; of glTF the accessors'
minimum and maximum, which the specification demands. What only its decoder could tell is not measured (None).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from tiles.volume import CORNERS
from twin.errors import UnreadableFile

Floats = NDArray[np.float64]
OLD: Final = (b"b3dm", b"i3dm", b"pnts", b"cmpt")
UP: Final = np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
"""From glTF's y-up to the z-up of tiles (3D Tiles 1.1, 6.7.1.6.4)."""
NODES: Final = 10_000
NORMALIZED: Final = {5120: 127.0, 5121: 255.0, 5122: 32767.0, 5123: 65535.0}
OWN_PLACE: Final = ("EXT_mesh_gpu_instancing",)
"""Extensions that put things elsewhere than the accessors say."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Content:
    """What a content's headers say."""

    form: str
    """`glb`, `gltf`, `b3dm`, `i3dm`, `pnts`, `cmpt`, `json`, `other`."""
    corners: Floats | None = None
    """(8, 3) metres in the tile's frame: the box that it fills, in the order of `tiles.volume.CORNERS`."""
    uris: tuple[str, ...] = ()
    """What it refers to."""
    points: int = 0


def read(data: bytes, name: str, *, up: str = "Y") -> Content:
    """What a content is.

    Args:
        data: the whole file. name: for messages.
        up: the axis that its glTF has upwards (`asset.gltfUpAxis` of the tileset, Y unless it says Z).

    Raises:
        UnreadableFile: it says more than it holds, or is no JSON where it must be.
    """
    magic = data[:4]
    try:
        if magic == b"glTF":
            return _gltf(_glb(data, name), up, "glb")
        if magic in OLD:
            return _old(data, name, up)
        if data.lstrip()[:1] == b"{":
            said = orjson.loads(data)
            return _gltf(said, up, "gltf") if "scenes" in said or "meshes" in said else Content(form="json")
        return Content(form="other")
    except (
        struct.error,
        orjson.JSONDecodeError,
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
    ) as error:
        raise UnreadableFile(
            f"{name}: its headers make no sense ({type(error).__name__}: {error})"
        ) from error


def _glb(data: bytes, name: str) -> dict[str, Any]:
    """The JSON of a binary glTF; nothing of the first edition, which holds its JSON elsewhere."""
    _, version, length = struct.unpack_from("<4sII", data)
    if length > len(data):
        raise UnreadableFile(f"{name}: its header says {length:,} bytes, it has {len(data):,}")
    if version < 2:
        return {}
    size, kind = struct.unpack_from("<II", data, 12)
    if kind != 0x4E4F534A or 20 + size > len(data):
        raise UnreadableFile(f"{name}: no glTF 2.0: its first chunk is not JSON, or is cut off")
    found = orjson.loads(data[20 : 20 + size])
    return found if isinstance(found, dict) else {}


@dataclass
class _Found:
    """A glTF while its nodes are walked."""

    said: dict[str, Any]
    low: Floats = field(default_factory=lambda: np.full(3, np.inf))
    high: Floats = field(default_factory=lambda: np.full(3, -np.inf))
    sure: bool = True
    nodes: int = 0

    def walk(self, node: int, matrix: Floats, depth: int = 0) -> None:
        self.nodes += 1
        if self.nodes > NODES or depth > 64:
            self.sure = False
            return
        found = self.said["nodes"][node]
        own = matrix @ _matrix(found)
        if "skin" in found or any(name in found.get("extensions", {}) for name in OWN_PLACE):
            self.sure = False
        if "mesh" in found:
            for primitive in self.said["meshes"][found["mesh"]]["primitives"]:
                self.take(primitive, own)
        for child in found.get("children", ()):
            self.walk(child, own, depth + 1)

    def take(self, primitive: dict[str, Any], matrix: Floats) -> None:
        position = primitive.get("attributes", {}).get("POSITION")
        accessor = self.said["accessors"][position] if position is not None else {}
        if "min" not in accessor or "max" not in accessor:
            self.sure = False
            return
        box = np.array([accessor["min"], accessor["max"]], np.float64)
        if accessor.get("normalized"):
            box = box / NORMALIZED.get(accessor["componentType"], 1.0)
        corners = np.where(CORNERS > 0, box[1], box[0]) @ matrix[:3, :3].T + matrix[:3, 3]
        self.low, self.high = (
            np.minimum(self.low, corners.min(axis=0)),
            np.maximum(self.high, corners.max(axis=0)),
        )


def _matrix(node: dict[str, Any]) -> Floats:
    if "matrix" in node:
        return np.array(node["matrix"], np.float64).reshape(4, 4).T
    found = np.eye(4)
    x, y, z, w = node.get("rotation", (0, 0, 0, 1))
    found[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    found[:3, :3] *= np.array(node.get("scale", (1, 1, 1)), np.float64)
    found[:3, 3] = node.get("translation", (0, 0, 0))
    return found


def _gltf(said: dict[str, Any], up: str, form: str) -> Content:
    uris = tuple(_uris(said))
    scenes = said.get("scenes") or []
    if not scenes:
        return Content(form=form, uris=uris)
    matrix = (UP if up == "Y" else np.eye(4)).copy()
    centre = said.get("extensions", {}).get("CESIUM_RTC", {}).get("center")
    if centre is not None:
        matrix[:3, 3] = centre  # not turned with the axes (CESIUM_RTC)
    found = _Found(said)
    for root in scenes[said.get("scene", 0)].get("nodes", ()):
        found.walk(root, matrix)
    sure = found.sure and bool(np.isfinite(found.low).all() and np.isfinite(found.high).all())
    return Content(form=form, uris=uris, corners=_box(found.low, found.high) if sure else None)


def _box(low: Floats, high: Floats) -> Floats:
    return np.where(CORNERS > 0, high, low)


def _uris(said: dict[str, Any]) -> Iterator[str]:
    """What a glTF refers to outside of itself."""
    for part in (*said.get("buffers", ()), *said.get("images", ())):
        if "uri" in part and not str(part["uri"]).startswith("data:"):
            yield str(part["uri"])
    schema = said.get("extensions", {}).get("EXT_structural_metadata", {}).get("schemaUri")
    if schema is not None:
        yield str(schema)


def _old(data: bytes, name: str, up: str) -> Content:
    magic, _, length = struct.unpack_from("<4sII", data)
    form = magic.decode()
    if length > len(data):
        raise UnreadableFile(f"{name}: its header says {length:,} bytes, it has {len(data):,}")
    if form == "cmpt":
        return _composite(data, name, up)
    tables = struct.unpack_from("<4I", data, 12)
    head = 32 if form == "i3dm" else 28
    if head + sum(tables) > len(data):
        raise UnreadableFile(f"{name}: its tables need {head + sum(tables):,} bytes, it has {len(data):,}")
    text = data[head : head + tables[0]]
    table = json.loads(text) if text.strip(b" \0") else {}
    inside = data[head + sum(tables) :]
    if form == "pnts":
        return _points(table, data[head + tables[0] : head + tables[0] + tables[1]], name)
    if form == "i3dm":
        linked = struct.unpack_from("<I", data, 28)[0] == 0
        uri = inside.rstrip(b" \0").decode("utf-8")
        return Content(form=form, uris=(uri,) if linked else tuple(_uris(_glb(inside, name))))
    if inside[:4] != b"glTF":
        raise UnreadableFile(f"{name}: a b3dm without a glTF in it")
    found = _gltf(_glb(inside, name), up, form)
    centre = table.get("RTC_CENTER")
    if found.corners is None or centre is None:
        return found
    return Content(
        form=form, uris=found.uris, corners=found.corners + _three(centre, table, data[head + tables[0] :])
    )


def _three(said: Any, _table: dict[str, Any], binary: bytes) -> Floats:
    """Three numbers of a feature table, written out or in its binary part."""
    if isinstance(said, dict):
        return np.frombuffer(binary, "<f4", 3, said["byteOffset"]).astype(np.float64)
    return np.array(said, np.float64)


def _points(table: dict[str, Any], binary: bytes, name: str) -> Content:
    count = int(table.get("POINTS_LENGTH", 0))
    centre = _three(table["RTC_CENTER"], table, binary) if "RTC_CENTER" in table else np.zeros(3)
    if "3DTILES_draco_point_compression" in table.get("extensions", {}) or count <= 0:
        return Content(form="pnts", points=max(count, 0))
    if "POSITION" in table:
        if table["POSITION"]["byteOffset"] + 12 * count > len(binary):
            raise UnreadableFile(f"{name}: it says {count:,} points, its bytes end before")
        places = np.frombuffer(binary, "<f4", 3 * count, table["POSITION"]["byteOffset"]).reshape(-1, 3)
        low, high = places.min(axis=0).astype(np.float64), places.max(axis=0).astype(np.float64)
    else:
        low = _three(table["QUANTIZED_VOLUME_OFFSET"], table, binary)
        high = low + _three(table["QUANTIZED_VOLUME_SCALE"], table, binary)
    return Content(form="pnts", points=count, corners=_box(low + centre, high + centre))


def _composite(data: bytes, name: str, up: str) -> Content:
    _, _, length, count = struct.unpack_from("<4s3I", data)
    at = 16
    uris: list[str] = []
    for _ in range(count):
        _, _, inner = struct.unpack_from("<4sII", data, at)
        if inner < 12 or at + inner > length:
            raise UnreadableFile(f"{name}: a part of the composite at byte {at} reaches past its end")
        uris += read(data[at : at + inner], name, up=up).uris
        at += inner
    return Content(form="cmpt", uris=tuple(uris))
