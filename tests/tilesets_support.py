"""Small tilesets of our own making, as folders and as archives."""

from __future__ import annotations

import hashlib
import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyproj

LON, LAT = 118.5, 37.5
GEOCENTRIC = pyproj.Transformer.from_crs("EPSG:4979", "EPSG:4978", always_xy=True)


def placing(lon: float = LON, lat: float = LAT, height: float = 20.0) -> list[float]:
    """The matrix of an east-north-up frame, column by column, by PROJ's own geocentric positions."""
    here = np.array(GEOCENTRIC.transform(lon, lat, height))
    up = np.array(GEOCENTRIC.transform(lon, lat, height + 1)) - here
    east = np.cross([0, 0, 1], up)
    east /= np.linalg.norm(east)
    north = np.cross(up, east)
    return [*east, 0.0, *north, 0.0, *up, 0.0, *here, 1.0]


def cube(half: float = 10.0) -> bytes:
    """A GLB of a cube about the origin."""
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float64) * half
    faces = [
        0,
        1,
        3,
        0,
        3,
        2,
        4,
        6,
        7,
        4,
        7,
        5,
        0,
        4,
        5,
        0,
        5,
        1,
        2,
        3,
        7,
        2,
        7,
        6,
        0,
        2,
        6,
        0,
        6,
        4,
        1,
        5,
        7,
        1,
        7,
        3,
    ]
    said: dict[str, Any] = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 8, "type": "VEC3",
             "min": corners.min(0).tolist(), "max": corners.max(0).tolist()},
            {"bufferView": 1, "componentType": 5123, "count": 36, "type": "SCALAR"},
        ],
        "bufferViews": [{"buffer": 0, "byteLength": 96}, {"buffer": 0, "byteOffset": 96, "byteLength": 72}],
        "buffers": [{"byteLength": 168}],
    }  # fmt: skip
    binary = corners.astype("<f4").tobytes() + np.array(faces, "<u2").tobytes()
    text = json.dumps(said).encode()
    text += b" " * (-len(text) % 4)
    chunks = (
        struct.pack("<II", len(text), 0x4E4F534A)
        + text
        + struct.pack("<II", len(binary), 0x004E4942)
        + binary
    )
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def b3dm(glb: bytes, centre: list[float] | None = None) -> bytes:
    """A glTF in the frame of 3D Tiles 1.0."""
    table = json.dumps({"BATCH_LENGTH": 0, **({"RTC_CENTER": centre} if centre else {})}).encode()
    table += b" " * (-(28 + len(table)) % 8)
    return struct.pack("<4sII4I", b"b3dm", 1, 28 + len(table) + len(glb), len(table), 0, 0, 0) + table + glb


def box(half: float = 10.0, centre: tuple[float, float, float] = (0, 0, 0)) -> dict[str, Any]:
    return {"box": [*centre, half, 0, 0, 0, half, 0, 0, 0, half]}


def tile(uri: str | None = None, *, half: float = 10.0, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"boundingVolume": box(half), "geometricError": 1.0, "refine": "REPLACE"}
    return {**found, **({"content": {"uri": uri}} if uri else {}), **more}


def tileset(root: dict[str, Any], version: str = "1.0", **asset: Any) -> dict[str, Any]:
    return {"asset": {"version": version, **asset}, "geometricError": 100.0, "root": root}


def block(folder: Path, **root: Any) -> Path:
    """A tileset on its place on earth: a b3dm, and another tileset below it in a folder with a name in Chinese."""
    (folder / "数据 1").mkdir(parents=True)
    (folder / "a.b3dm").write_bytes(b3dm(cube()))
    (folder / "数据 1" / "b.glb").write_bytes(cube())
    below = tile("%E6%95%B0%E6%8D%AE%201/sub.json")
    whole = tile("a.b3dm", transform=placing(), children=[below], **root)
    (folder / "tileset.json").write_text(json.dumps(tileset(whole)))
    (folder / "数据 1" / "sub.json").write_text(json.dumps(tileset(tile("b.glb"))))
    return folder


def packed(folder: Path, path: Path, *, method: int = zipfile.ZIP_DEFLATED, index: bool = True) -> Path:
    """A folder as a `.3tz`, as its specification has it."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for file in sorted(p for p in folder.rglob("*") if p.is_file()):
            archive.write(file, file.relative_to(folder).as_posix())
        if index:
            rows = sorted(
                (
                    struct.unpack("<2Q", hashlib.md5(i.filename.encode()).digest())[::-1],
                    i.filename,
                    i.header_offset,
                )
                for i in archive.infolist()
            )
            data = b"".join(
                hashlib.md5(name.encode()).digest() + struct.pack("<Q", at) for _, name, at in rows
            )
            archive.writestr(zipfile.ZipInfo("@3dtilesIndex1@"), data, zipfile.ZIP_STORED)
    return path
