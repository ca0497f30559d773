"""Meshes as binary glTF 2.0, each vertex with its feature, each feature with its attributes.

Uses EXT_mesh_features (`_FEATURE_ID_0`) and EXT_structural_metadata (one property table), and where asked
CESIUM_primitive_outline. Positions are float32 about the mesh's own origin, east, north and up; the
one node's matrix takes them to the earth's centre in float64, so that content stands by itself and no
tileset has to know where its origin is.

glTF is y-up and 3D Tiles z-up: a client turns content by (x, y, z) -> (x, -z, y) (3D Tiles 1.1, "y-up to
z-up"). The matrix holds the inverse of that turn after the local frame's.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from twin.mesh import Mesh
from twin.space import enu_matrix
from twin.table import TIMESTAMP

MEDIA_TYPE: Final = "model/gltf-binary"
FROM_Z_UP: Final = np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]], float)
"""(x, y, z) -> (x, z, -y): the inverse of what a 3D Tiles client does to glTF."""
OPEN_SECONDS: Final = 253_402_300_799.0
"""The open end of a period as a property: the last second of the year 9999."""
NO_NUMBER: Final = -1.7976931348623157e308
"""Stands for null among FLOAT64 values."""
NO_INTEGER: Final = -(2**31)
NO_BOOLEAN: Final = 255
IDENTIFIER: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
VERTICES, INDICES = 34962, 34963
FLOAT, UBYTE, USHORT, UINT = 5126, 5121, 5123, 5125


@dataclass(frozen=True, kw_only=True, slots=True)
class Material:
    """How surfaces look: a dull solid."""

    color: tuple[float, float, float] = (0.82, 0.77, 0.70)
    """Linear red, green and blue."""
    double_sided: bool = False


@dataclass(kw_only=True)
class _Draft:
    """The JSON and the buffer while they are written."""

    views: list[dict[str, Any]] = field(default_factory=list)
    accessors: list[dict[str, Any]] = field(default_factory=list)
    parts: list[bytes] = field(default_factory=list)
    length: int = 0

    def view(self, data: bytes, target: int | None = None) -> int:
        """A buffer view, aligned to 8 bytes (EXT_structural_metadata asks that much)."""
        described: dict[str, Any] = {"buffer": 0, "byteOffset": self.length, "byteLength": len(data)}
        self.views.append(described if target is None else {**described, "target": target})
        padding = -len(data) % 8
        self.parts += [data, bytes(padding)]
        self.length += len(data) + padding
        return len(self.views) - 1

    def accessor(
        self,
        values: NDArray[np.generic],
        component: int,
        shape: str,
        target: int,
        **more: Any,
    ) -> int:
        """An accessor with a view of its own."""
        view = self.view(np.ascontiguousarray(values).tobytes(), target)
        described = {"bufferView": view, "componentType": component, "count": len(values), "type": shape}
        self.accessors.append({**described, **more})
        return len(self.accessors) - 1


def encode(
    mesh: Mesh, *, kind: str, material: Material | None = None, outline: bool = False, title: str = ""
) -> bytes:
    """A GLB of the mesh.

    Args:
        mesh: with at least one triangle.
        kind: name of the class of its features.
        material: how it looks.
        outline: whether `mesh.edges` go in.
        title: name of the property table.
    """
    draft = _Draft()
    primitive = _primitive(draft, mesh, outline=outline)
    table = _table(draft, mesh.properties, kind)
    outlined = "CESIUM_primitive_outline" in primitive["extensions"]
    matrix = FROM_Z_UP @ enu_matrix(mesh.origin)
    document = {
        "asset": {"version": "2.0", "generator": "onemap-twin"},
        "extensionsUsed": [
            "EXT_mesh_features",
            "EXT_structural_metadata",
            *(["CESIUM_primitive_outline"] if outlined else []),
        ],
        "extensions": {"EXT_structural_metadata": {**table, **_named(table, title)}},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "matrix": matrix.T.ravel().tolist()}],
        "meshes": [{"primitives": [primitive]}],
        "materials": [_material(material or Material())],
        "accessors": draft.accessors,
        "bufferViews": draft.views,
        "buffers": [{"byteLength": draft.length}],
    }
    return pack(document, b"".join(draft.parts))


def empty() -> bytes:
    """A GLB of nothing."""
    return pack({"asset": {"version": "2.0", "generator": "onemap-twin"}}, b"")


def pack(document: dict[str, Any], buffer: bytes) -> bytes:
    """The binary container (glTF 2.0, section 4): JSON padded with spaces, buffer with zeros, to 4 bytes."""
    text = orjson.dumps(document)
    text += b" " * (-len(text) % 4)
    buffer += bytes(-len(buffer) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text
    if buffer:
        chunks += struct.pack("<I4s", len(buffer), b"BIN\0") + buffer
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def _primitive(draft: _Draft, mesh: Mesh, *, outline: bool) -> dict[str, Any]:
    positions = mesh.positions.astype(np.float32)
    low, high = positions.min(axis=0).tolist(), positions.max(axis=0).tolist()
    attributes = {
        "POSITION": draft.accessor(positions, FLOAT, "VEC3", VERTICES, min=low, max=high),
        "NORMAL": draft.accessor(mesh.normals.astype(np.float32), FLOAT, "VEC3", VERTICES),
        # float32 holds every row number below 2^24 and keeps the stride at four bytes
        "_FEATURE_ID_0": draft.accessor(mesh.feature_ids.astype(np.float32), FLOAT, "SCALAR", VERTICES),
    }
    if mesh.colors is not None:
        attributes["COLOR_0"] = draft.accessor(mesh.colors, UBYTE, "VEC4", VERTICES, normalized=True)
    feature = {
        "featureCount": mesh.properties.num_rows,
        "attribute": 0,
        "propertyTable": 0,
        "label": "feature",
    }
    extensions: dict[str, Any] = {"EXT_mesh_features": {"featureIds": [feature]}}
    if outline and mesh.edges is not None and len(mesh.edges):
        extensions["CESIUM_primitive_outline"] = {"indices": _indices(draft, mesh.edges, len(positions))}
    return {
        "attributes": attributes,
        "indices": _indices(draft, mesh.indices, len(positions)),
        "material": 0,
        "mode": 4,
        "extensions": extensions,
    }


def _indices(draft: _Draft, indices: NDArray[np.uint32], vertices: int) -> int:
    # 65535 itself means "restart" and is not allowed as an index
    small = vertices < 65536
    values = indices.ravel().astype(np.uint16 if small else np.uint32)
    return draft.accessor(values, USHORT if small else UINT, "SCALAR", INDICES)


def _material(material: Material) -> dict[str, Any]:
    surface = {"baseColorFactor": [*material.color, 1.0], "metallicFactor": 0.0, "roughnessFactor": 1.0}
    return {"pbrMetallicRoughness": surface, "doubleSided": material.double_sided}


def _named(table: dict[str, Any], title: str) -> dict[str, Any]:
    return {"propertyTables": [{**table["propertyTables"][0], "name": title}]} if title else {}


def _table(draft: _Draft, rows: pa.Table, kind: str) -> dict[str, Any]:
    """Schema and property table of the features."""
    described, stored = {}, {}
    for place, name in enumerate(rows.column_names):
        identifier = name if IDENTIFIER.fullmatch(name) else f"column_{place}"
        described[identifier], stored[identifier] = column(draft, rows[name], name)
        if identifier != name:
            described[identifier]["name"] = name
    return {
        "schema": {"id": "twin", "classes": {kind: {"properties": described}}},
        "propertyTables": [{"class": kind, "count": rows.num_rows, "properties": stored}],
    }


def column(draft: _Draft, values: pa.ChunkedArray, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A property's description and where its values are.

    Text becomes STRING, whole numbers INT32 where they all fit and FLOAT64 where not, numbers FLOAT64,
    truth values UINT8 (a BOOLEAN cannot be null), dates and moments FLOAT64 seconds of Unix time.
    """
    kind = values.type
    if pa.types.is_boolean(kind):
        return _numbers(draft, pc.cast(values, pa.uint8()), "UINT8", np.uint8, NO_BOOLEAN)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return _numbers(draft, _seconds(values, name), "FLOAT64", np.float64, NO_NUMBER)
    if pa.types.is_integer(kind) and _fits(values):
        return _numbers(draft, pc.cast(values, pa.int32()), "INT32", np.int32, NO_INTEGER)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _numbers(draft, pc.cast(values, pa.float64()), "FLOAT64", np.float64, NO_NUMBER)
    return _strings(draft, values)


def _numbers(
    draft: _Draft, values: pa.ChunkedArray, component: str, dtype: type[np.generic], missing: float
) -> tuple[dict[str, Any], dict[str, Any]]:
    filled = np.asarray(values.combine_chunks().fill_null(missing), dtype)
    if component == "FLOAT64":
        filled = np.where(np.isfinite(filled.astype(np.float64)), filled, missing)
    described = {"type": "SCALAR", "componentType": component, "noData": missing}
    return described, {"values": draft.view(np.ascontiguousarray(filled).tobytes())}


def _strings(draft: _Draft, values: pa.ChunkedArray) -> tuple[dict[str, Any], dict[str, Any]]:
    text = pc.cast(values, pa.string()).combine_chunks().fill_null("")
    block = pa.array(text, pa.string()) if text.offset else text
    offsets = np.frombuffer(block.buffers()[1], np.int32, len(block) + 1, 4 * block.offset)
    data = block.buffers()[2]
    used = b"" if data is None else data.to_pybytes()[int(offsets[0]) : int(offsets[-1])]
    # a view must not be empty; the byte is nobody's
    stored = {
        "values": draft.view(used or b"\0"),
        "stringOffsets": draft.view((offsets - offsets[0]).astype("<u4").tobytes()),
        "stringOffsetType": "UINT32",
    }
    return {"type": "STRING", "noData": ""}, stored


def _seconds(values: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """Seconds of Unix time; the open end of a period as `OPEN_SECONDS`."""
    micros = pc.cast(pc.cast(values, TIMESTAMP), pa.int64())
    seconds = pc.divide(pc.cast(micros, pa.float64(), safe=False), 1e6)
    seconds = pc.if_else(pc.greater_equal(seconds, 253_402_214_400.0), OPEN_SECONDS, seconds)
    return pc.fill_null(seconds, OPEN_SECONDS) if name == "valid_to" else seconds


def _fits(values: pa.ChunkedArray) -> bool:
    ends = pc.min_max(values).as_py()
    return ends["min"] is None or (ends["min"] > NO_INTEGER and ends["max"] < -NO_INTEGER)
