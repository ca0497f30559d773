"""A binary glTF 2.0 of textured, vertex-coloured triangles, as a photogrammetry program leaves it.

See: Khronos, glTF 2.0 specification, 3.6 and 4; extension KHR_materials_unlit: the light is in the pictures.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

FLOAT, INT = 5126, 5125
VERTICES, INDICES = 34962, 34963


@dataclass(frozen=True, kw_only=True)
class Patch:
    """Triangles that share one picture; none is indexed twice."""

    corners: NDArray[np.float64]
    """(n, 3) metres east, north, up; each three are a triangle, counter-clockwise seen from outside."""
    uv: NDArray[np.float64]
    """(n, 2) places in the picture; beyond 0 to 1 it repeats."""
    shade: NDArray[np.float64]
    """(n, 3) linear colour, 0 to 1, that the picture is multiplied with."""
    picture: bytes | None = None
    """A JPEG."""


def encode(patches: Sequence[Patch]) -> bytes:
    """The file's bytes; the same patches give the same ones."""
    whole = Body()
    pictured = [patch for patch in patches if patch.picture is not None]
    document: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": "Wanghai demo county (invented data)"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [_primitive(whole, patch, k) for k, patch in enumerate(patches)]}],
        "materials": [_material(pictured, patch) for patch in patches],
        "extensionsUsed": ["KHR_materials_unlit"],
    }
    if pictured:
        document["textures"] = [{"source": k, "sampler": 0} for k in range(len(pictured))]
        document["samplers"] = [{"wrapS": 10497, "wrapT": 10497, "minFilter": 9987, "magFilter": 9729}]
        document["images"] = [
            {"mimeType": "image/jpeg", "bufferView": whole.view(patch.picture or b"")} for patch in pictured
        ]
    document |= {
        "accessors": whole.accessors,
        "bufferViews": whole.views,
        "buffers": [{"byteLength": len(whole.data)}],
    }
    return _packed(orjson.dumps(document), bytes(whole.data))


class Body:
    """The binary chunk as it grows, with the views into it."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []

    def view(self, held: bytes, target: int | None = None) -> int:
        """The number of a new view of these bytes."""
        self.data += b"\0" * (-len(self.data) % 4)
        view = {"buffer": 0, "byteOffset": len(self.data), "byteLength": len(held)}
        self.views.append(view | ({"target": target} if target else {}))
        self.data += held
        return len(self.views) - 1

    def accessor(self, values: NDArray[Any], kind: str, *, bounds: bool = False) -> int:
        """The number of a new accessor of (n, width) values."""
        code = FLOAT if values.dtype == np.float32 else INT
        target = VERTICES if code == FLOAT else INDICES
        said: dict[str, Any] = {
            "bufferView": self.view(values.tobytes(), target),
            "componentType": code,
            "count": len(values),
            "type": kind,
        }
        if bounds:
            said |= {"min": values.min(axis=0).tolist(), "max": values.max(axis=0).tolist()}
        self.accessors.append(said)
        return len(self.accessors) - 1


def _primitive(whole: Body, patch: Patch, material: int) -> dict[str, Any]:
    # glTF's y is up; its z looks south.
    east, north, up = patch.corners.T
    rows = np.column_stack((east, up, -north, patch.uv, patch.shade)).astype(np.float32)
    single, index = np.unique(rows, axis=0, return_inverse=True)
    return {
        "attributes": {
            "POSITION": whole.accessor(np.ascontiguousarray(single[:, :3]), "VEC3", bounds=True),
            "TEXCOORD_0": whole.accessor(np.ascontiguousarray(single[:, 3:5]), "VEC2"),
            "COLOR_0": whole.accessor(np.ascontiguousarray(single[:, 5:]), "VEC3"),
        },
        "indices": whole.accessor(index.reshape(-1).astype(np.uint32), "SCALAR"),
        "material": material,
    }


def _material(pictured: Sequence[Patch], patch: Patch) -> dict[str, Any]:
    rough: dict[str, Any] = {"metallicFactor": 0.0, "roughnessFactor": 1.0}
    if patch.picture is not None:
        rough["baseColorTexture"] = {"index": next(k for k, one in enumerate(pictured) if one is patch)}
    return {"pbrMetallicRoughness": rough, "extensions": {"KHR_materials_unlit": {}}}


def _packed(document: bytes, body: bytes) -> bytes:
    document += b" " * (-len(document) % 4)
    body += b"\0" * (-len(body) % 4)
    total = 12 + 8 + len(document) + 8 + len(body)
    head = struct.pack("<4sII", b"glTF", 2, total) + struct.pack("<I4s", len(document), b"JSON")
    return head + document + struct.pack("<I4s", len(body), b"BIN\0") + body
