"""Tilesets that were baked elsewhere, served as they came: the root is ours, all below it is theirs.

    /tiles/{layer}/tileset.json                      the layer now: a root with a child for each tileset of the layer
    /tiles/{layer}/{key}/files/{row}/{path}          a file of a row's tileset, in a state

The child stands where its row says: a transform for the height offset and for a frame of its own. Every URI in the
tilesets themselves is relative, so none is touched; only regions, which no transform moves (3D Tiles 1.1, 7.3.2),
are written higher by the offset. `key` names the row's version, so a new delivery changes no other row's addresses.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import quote

import numpy as np
import orjson
from numpy.typing import NDArray

from layers.kind import Kind
from pipelines.bake import Baked, Source
from pipelines.bundle import opened, plain
from pipelines.readers.scenes.tileset_walk import geodetic, tileset, transform
from tiles import volume
from tiles.volume import Volume
from twin import registry, stamps
from twin.errors import Conflict, TileNotFound, UnreadableFile
from twin.model import Filter, Query
from twin.moments import microseconds
from twin.policy import Policy
from twin.space import enu_matrix

REVISION: Final = "b1"
DRAWN: Final = ("mesh", "pointcloud")
COLUMNS: Final = ("name", "file", "entry", "offset", "place")
KEPT: Final = (
    "schema",
    "statistics",
    "groups",
    "metadata",
    "properties",
    "extensionsUsed",
    "extensionsRequired",
)
"""What of a single tileset's head its clients need at the root."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A tileset of a layer at a moment."""

    id: str
    file: str
    entry: str
    offset: float
    place: tuple[float, ...]
    """Longitude, latitude, height of its frame; empty: earth-centred."""
    since: tuple[int, int]
    """When this version began to be true, and to be believed; microseconds."""
    box: tuple[float, float, float, float]
    """West, south, east, north; degrees."""


def drawn(source: Source, layer: str, policy: Policy) -> bool:
    """Whether a layer's tiles were baked elsewhere.

    Raises:
        LayerNotFound: there is no such layer.
    """
    kind = source.store.layer(layer, policy).layer.kind
    return cast(Kind, registry.entry("layers", "KIND", kind)).draw in DRAWN


def entrance(
    source: Source,
    folder: Path,
    layer: str,
    *,
    at: datetime,
    known: datetime,
    policy: Policy,
    passing: Filter | None = None,
) -> Baked:
    """The root tileset JSON of a layer at a moment; its key is the ETag.

    Args:
        folder: the tilesets by content (`Settings.tilesets`).

    Raises:
        LayerNotFound: there is no such layer.
        Conflict: its tilesets cannot stand in one.
        UnreadableFile: a tileset of it is not in the twin's folder.
    """
    found = rows(source, layer, at=at, known=known, policy=policy, passing=passing)
    stamp = stamps.latest([row.since for row in found])
    which = zlib.crc32(repr([(row.id, row.since) for row in found]).encode())
    key = stamps.key(f"{_recipe(policy)}.{which:08x}", stamp)
    return Baked(body=orjson.dumps(_root(source, folder, layer, found, key, policy)), key=key)


def rows(
    source: Source, layer: str, *, at: datetime, known: datetime, policy: Policy,
    passing: Filter | None = None, ids: tuple[str, ...] | None = None,
) -> list[Row]:  # fmt: skip
    """The tilesets of a layer that one sees at a moment, by id."""
    query = Query(
        layer=layer, policy=policy, at=at, known=known, filter=passing, ids=ids, columns=COLUMNS, places=True
    )
    return sorted((_row(said) for said in source.store.read(query).to_pylist()), key=lambda row: row.id)


def _row(said: dict[str, Any]) -> Row:
    place = tuple(float(v) for v in (said["place"] or "").split(",") if v)
    return Row(
        id=said["id"],
        file=said["file"],
        entry=said["entry"],
        offset=float(said["offset"] or 0.0),
        place=place,
        since=(microseconds(said["valid_from"]), microseconds(said["recorded_from"])),
        box=(said["#minx"], said["#miny"], said["#maxx"], said["#maxy"]),
    )


def _root(
    source: Source, folder: Path, layer: str, found: list[Row], key: str, policy: Policy
) -> dict[str, Any]:
    heads = [_head(folder, row) for row in found]
    ups = {str(head["asset"].get("gltfUpAxis", "Y")).upper() for head in heads}
    if len(ups) > 1:
        raise Conflict(
            f"the tilesets of layer {layer!r} have different axes upwards ({', '.join(sorted(ups))}), which one "
            "tileset cannot have (asset.gltfUpAxis); take them in as two layers"
        )
    asset = {"version": "1.1", **(heads[0]["asset"] if len(heads) == 1 else {}), "tilesetVersion": key}
    if ups == {"Z"}:
        asset["gltfUpAxis"] = "Z"
    kept: dict[str, Any] = (
        {name: heads[0][name] for name in KEPT if name in heads[0]} if len(heads) == 1 else {}
    )
    if len(heads) == 1 and "schemaUri" in heads[0]:
        kept["schemaUri"] = (
            _address(source, layer, found[0], policy).rpartition("/")[0] + f"/{heads[0]['schemaUri']}"
        )
    children = [_child(source, layer, row, head, policy) for row, head in zip(found, heads, strict=True)]
    error = max((child["geometricError"] for child in children), default=0.0)
    return {
        **kept,
        "asset": asset,
        "geometricError": error,
        "root": {
            "boundingVolume": _around(found, children),
            "geometricError": error,
            "refine": "ADD",
            **({"children": children} if children else {}),
        },
    }


def _around(found: list[Row], children: list[dict[str, Any]]) -> dict[str, Any]:
    """The volume that holds all children: their spheres' box, earth-centred; of one region it is that."""
    if not children:
        return {"region": [0, 0, 0, 0, 0, 0]}
    if len(children) == 1 and "region" in children[0]["boundingVolume"]:
        return dict(children[0]["boundingVolume"])
    low, high = np.full(3, np.inf), np.full(3, -np.inf)
    for row, child in zip(found, children, strict=True):
        own = volume.read(child["boundingVolume"], row.id)
        bound = volume.moved(own, transform(child, row.id))
        low = np.minimum(low, bound.centre - bound.radius)
        high = np.maximum(high, bound.centre + bound.radius)
    middle, half = ((low + high) / 2).tolist(), ((high - low) / 2).tolist()
    return {"box": [*middle, half[0], 0, 0, 0, half[1], 0, 0, 0, half[2]]}


def _child(source: Source, layer: str, row: Row, head: dict[str, Any], policy: Policy) -> dict[str, Any]:
    """A row's tileset as a tile of ours."""
    inner = transform(head["root"], row.id)
    bound = volume.moved(volume.read(head["root"]["boundingVolume"], row.id), inner)
    matrix = standing(row, bound)
    said: dict[str, Any] = {
        "boundingVolume": volume.lifted(bound, row.offset).said(),
        "geometricError": float(head["geometricError"]),
        "content": {"uri": _address(source, layer, row, policy)},
    }
    if matrix is not None:
        said["transform"] = matrix.T.ravel().tolist()
    return said


def standing(row: Row, bound: Volume) -> NDArray[np.float64] | None:
    """The 4 x 4 matrix that puts a tileset where its row says; None where it stands already."""
    if row.place:
        lon, lat, height = row.place
        return enu_matrix(np.array([lon, lat, height + row.offset]))
    if not row.offset:
        return None
    lon, lat, _ = geodetic(bound.centre[None])[0].tolist()
    matrix = np.eye(4)
    matrix[:3, 3] = enu_matrix(np.array([lon, lat, 0.0]))[:3, 2] * row.offset
    return matrix


def _address(source: Source, layer: str, row: Row, policy: Policy) -> str:
    key = stamps.key(_recipe(policy), row.since)
    return f"{source.base}/{quote(layer, safe='')}/{key}/files/{quote(row.id, safe='')}/{quote(row.entry)}"


def _recipe(policy: Policy) -> str:
    return ".".join([REVISION, *([policy.key] if policy.key else [])])


@lru_cache(maxsize=64)
def _root_json(path: Path, entry: str) -> dict[str, Any]:
    return tileset(opened(path), entry)


def _head(folder: Path, row: Row) -> dict[str, Any]:
    """The root tileset JSON of a row."""
    return _root_json(_place(folder, row), row.entry)


def _place(folder: Path, row: Row) -> Path:
    path = folder / row.file
    if path.name != row.file or row.file.startswith(".") or not path.exists():
        raise UnreadableFile(
            f"the tileset {row.file[:100]} is not in the twin; restore it or ingest it again"
        )
    return path


def file(source: Source, folder: Path, layer: str, key: str, row: str, path: str, *, policy: Policy) -> bytes:
    """A file of a row's tileset in a state, as it was delivered; perhaps with gzip.

    Raises:
        LayerNotFound: there is no such layer.
        TileNotFound: no such row is seen in that state, or it has no such file.
    """
    recipe, stamp = stamps.parse(key)
    if recipe != _recipe(policy):
        raise TileNotFound(
            f"{key[:100]} is of another edition of layer {layer!r}; start from its tileset.json"
        )
    at, known = (stamps.moment(value) for value in stamp)
    found = rows(source, layer, at=at, known=known, policy=policy, ids=(row,))
    if not found or found[0].since != stamp:
        raise TileNotFound(
            f"{key[:100]} is no state of {row[:100]!r} in layer {layer!r}; start from its tileset.json"
        )
    bundle = opened(_place(folder, found[0]))
    data = bundle.read(path)
    return lifted(data, path, found[0].offset) if found[0].offset and path.lower().endswith(".json") else data


def lifted(data: bytes, name: str, offset: float) -> bytes:
    """A tileset JSON with its regions so many metres higher; any other JSON as it is."""
    said = orjson.loads(plain(data, name).removeprefix(b"\xef\xbb\xbf"))
    if not (isinstance(said, dict) and isinstance(said.get("root"), dict) and "asset" in said):
        return data
    waiting, touched = [said["root"]], False
    while waiting:
        tile = waiting.pop()
        waiting.extend(tile.get("children", ()))
        holders = [tile, *(c for c in (tile.get("content"), *tile.get("contents", ())) if c)]
        for bound in (one.get(name) for one in holders for name in ("boundingVolume", "viewerRequestVolume")):
            if bound and "region" in bound:
                bound["region"][4:6] = [bound["region"][4] + offset, bound["region"][5] + offset]
                touched = True
    return orjson.dumps(said) if touched else data
