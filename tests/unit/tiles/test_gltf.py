"""A GLB is read here as the specification says, not with our own code; the official validator reads it too."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyproj
import pytest

from tiles import gltf
from twin.mesh import Mesh
from twin.model import OPEN

NODE = Path(__file__).parents[2] / "node"
ORIGIN = np.array([118.36, 38.35, 12.5])


def box_mesh(columns: dict[str, Any] | None = None, **more: Any) -> Mesh:
    """Two tetrahedra, 1 m and 2 m, of two features."""
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], float)
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], np.uint32)
    positions = np.concatenate([corners[faces].reshape(-1, 3), 2 * corners[faces].reshape(-1, 3) + 10])
    triangles = positions.reshape(-1, 3, 3)
    normal = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    normal /= np.linalg.norm(normal, axis=1)[:, None]
    properties = pa.table({"id": ["B1", "楼二"], **(columns or {})})
    return Mesh(
        origin=ORIGIN,
        positions=positions,
        indices=np.arange(24, dtype=np.uint32).reshape(-1, 3),
        normals=np.repeat(normal, 3, axis=0).astype(np.float32),
        feature_ids=np.repeat([0, 1], 12).astype(np.uint32),
        properties=properties,
        colors=np.full((24, 4), 200, np.uint8),
        edges=np.array([[0, 1], [1, 2]], np.uint32),
        **more,
    )


def read(glb: bytes) -> tuple[dict[str, Any], bytes]:
    """The two chunks of a GLB (glTF 2.0, section 4.4)."""
    magic, version, length = struct.unpack_from("<4sII", glb)
    assert (magic, version, length) == (b"glTF", 2, len(glb))
    size, kind = struct.unpack_from("<I4s", glb, 12)
    assert kind == b"JSON"
    assert size % 4 == 0
    document = json.loads(glb[20 : 20 + size])
    rest = glb[20 + size :]
    if not rest:
        return document, b""
    size, kind = struct.unpack_from("<I4s", rest)
    assert kind == b"BIN\0"
    return document, rest[8 : 8 + size]


def accessor(document: dict[str, Any], buffer: bytes, number: int) -> np.ndarray:
    described = document["accessors"][number]
    view = document["bufferViews"][described["bufferView"]]
    dtype = {5121: "u1", 5123: "<u2", 5125: "<u4", 5126: "<f4"}[described["componentType"]]
    width = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}[described["type"]]
    values = np.frombuffer(buffer, dtype, described["count"] * width, view["byteOffset"])
    return values.reshape(-1, width) if width > 1 else values


def column(glb: bytes, name: str) -> list[Any]:
    """A property's values, as EXT_structural_metadata says; noData is None."""
    document, buffer = read(glb)
    metadata = document["extensions"]["EXT_structural_metadata"]
    table = metadata["propertyTables"][0]
    described = metadata["schema"]["classes"][table["class"]]["properties"][name]
    stored = table["properties"][name]

    def view(number: int) -> bytes:
        at = document["bufferViews"][number]
        assert at["byteOffset"] % 8 == 0
        return buffer[at["byteOffset"] : at["byteOffset"] + at["byteLength"]]

    if described["type"] == "STRING":
        ends = np.frombuffer(view(stored["stringOffsets"]), "<u4")
        assert len(ends) == table["count"] + 1
        data = view(stored["values"])
        found: list[Any] = [data[a:b].decode() for a, b in pairwise(ends)]
    else:
        dtype = {"FLOAT64": "<f8", "INT32": "<i4", "UINT8": "u1"}[described["componentType"]]
        found = np.frombuffer(view(stored["values"]), dtype).tolist()
        assert len(found) == table["count"]
    return [None if v == described["noData"] else v for v in found]


def test_vertices_land_where_proj_puts_them():
    mesh = box_mesh()
    document, buffer = read(gltf.encode(mesh, kind="buildings"))
    node = document["nodes"][0]
    local = accessor(
        document, buffer, document["meshes"][0]["primitives"][0]["attributes"]["POSITION"]
    ).astype(float)
    matrix = np.array(node["matrix"]).reshape(4, 4).T
    y_up = local @ matrix[:3, :3].T + matrix[:3, 3]
    # 3D Tiles 1.1, "glTF transforms": y-up to z-up
    earth = np.column_stack([y_up[:, 0], -y_up[:, 2], y_up[:, 1]])
    # topocentric by PROJ, from the same origin
    to_enu = pyproj.Transformer.from_pipeline(
        f"+proj=topocentric +ellps=WGS84 +lon_0={ORIGIN[0]} +lat_0={ORIGIN[1]} +h_0={ORIGIN[2]}"
    )
    east, north, up = to_enu.transform(*earth.T)
    assert np.abs(np.column_stack([east, north, up]) - mesh.positions).max() < 1e-4


def test_each_vertex_knows_its_feature_and_each_feature_its_attributes():
    glb = gltf.encode(box_mesh({"height": [12.5, None]}), kind="buildings")
    document, buffer = read(glb)
    primitive = document["meshes"][0]["primitives"][0]
    features = primitive["extensions"]["EXT_mesh_features"]["featureIds"][0]
    assert features == {"featureCount": 2, "attribute": 0, "propertyTable": 0, "label": "feature"}
    ids = accessor(document, buffer, primitive["attributes"]["_FEATURE_ID_0"])
    assert ids.tolist() == [0.0] * 12 + [1.0] * 12
    assert column(glb, "id") == ["B1", "楼二"]
    assert column(glb, "height") == [12.5, None]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array(["空", None]), ["空", None]),
        (pa.array([None, None], pa.string()), [None, None]),
        (pa.array([3, None], pa.int64()), [3, None]),
        (pa.array([2**40, None], pa.int64()), [float(2**40), None]),
        (pa.array([True, None]), [1, None]),
        (pa.array([float("nan"), float("inf")]), [None, None]),
        (pa.array([date(1970, 1, 2), None]), [86400.0, None]),
        (pa.array([datetime(1970, 1, 1, tzinfo=UTC), None]), [0.0, None]),
        (pa.chunked_array([["a"], ["b"]]), ["a", "b"]),
        (pa.array(["cut", "x", "y"]).slice(1), ["x", "y"]),
    ],
)
def test_values_and_what_is_missing_are_told_apart(values, expected):
    assert column(gltf.encode(box_mesh({"value": values}), kind="k"), "value") == expected


def test_an_open_period_ends_with_the_year_9999():
    ends = pa.array([None, OPEN], pa.timestamp("us", tz="UTC"))
    assert column(gltf.encode(box_mesh({"valid_to": ends}), kind="k"), "valid_to") == [253402300799.0] * 2


def test_a_column_with_a_chinese_name_keeps_it_as_its_title():
    document, _ = read(gltf.encode(box_mesh({"层数": [1, 2]}), kind="k"))
    properties = document["extensions"]["EXT_structural_metadata"]["schema"]["classes"]["k"]["properties"]
    assert properties["column_1"]["name"] == "层数"


def test_outlines_are_there_only_when_asked_for():
    with_lines, _ = read(gltf.encode(box_mesh(), kind="k", outline=True))
    without, _ = read(gltf.encode(box_mesh(), kind="k"))
    assert "CESIUM_primitive_outline" in with_lines["extensionsUsed"]
    assert "CESIUM_primitive_outline" not in without["extensionsUsed"]


def test_more_vertices_than_16_bits_count_get_wider_indices():
    one = box_mesh()
    times = 65536 // 24 + 1
    mesh = Mesh(
        origin=ORIGIN,
        positions=np.tile(one.positions, (times, 1)),
        indices=np.arange(24 * times, dtype=np.uint32).reshape(-1, 3),
        normals=np.tile(one.normals, (times, 1)),
        feature_ids=np.tile(one.feature_ids, times),
        properties=one.properties,
    )
    document, buffer = read(gltf.encode(mesh, kind="k"))
    indices = accessor(document, buffer, document["meshes"][0]["primitives"][0]["indices"])
    assert indices.dtype == np.uint32
    assert indices.max() == 24 * times - 1


def test_the_official_validator_finds_no_error(tmp_path):
    if not shutil.which("node") or not (NODE / "node_modules").is_dir():
        reason = "node with tests/node's packages is needed: `npm ci` in tests/node"
        assert "node" not in os.environ.get("TWIN_TEST_REQUIRE", "").split(","), reason
        pytest.skip(reason)
    every = {"height": [12.5, None], "storeys": [3, 4], "old": [True, None], "name": [None, "x"]}
    files = {
        "full.glb": gltf.encode(box_mesh(every), kind="buildings", outline=True, title="建筑"),
        "plain.glb": gltf.encode(box_mesh(), kind="k", material=gltf.Material(double_sided=True)),
        "empty.glb": gltf.empty(),
    }
    for name, glb in files.items():
        (tmp_path / name).write_bytes(glb)
    paths = [str(tmp_path / name) for name in files]
    script = str(NODE / "validate_gltf.cjs")
    done = subprocess.run([shutil.which("node"), script, *paths], capture_output=True, check=True)
    for report in json.loads(done.stdout):
        assert (report["errors"], report["warnings"]) == (0, 0), report
