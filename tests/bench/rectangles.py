"""Turned rectangles for the bench of the doors: the rows, the files that peers read, and what is true of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import shapely
from numpy.typing import NDArray

from twin.space import hilbert

WEST, SOUTH = 116.0, 39.7
WIDE, HIGH = 0.4, 0.3
"""Degrees that `DENSE` rectangles lie in; more of them take more land, so that a window holds as many."""
DENSE = 200_000
USES = np.array(["residential", "office", "shop", "industry", "school"], object)


@dataclass(frozen=True, kw_only=True)
class Rectangles:
    """Buildings in plan with seven attributes."""

    shapes: NDArray[np.object_]
    """(n,) shapely polygons of five points, CRS84, on a grid of 1e-7 degrees, which every answer can say."""
    columns: dict[str, NDArray[Any]]
    """(n,) each; `code` is the identifier."""

    def only(self, rows: NDArray[np.bool_]) -> Rectangles:
        """Some of them."""
        return Rectangles(shapes=self.shapes[rows], columns={n: v[rows] for n, v in self.columns.items()})

    def __len__(self) -> int:
        return len(self.shapes)

    @cached_property
    def tree(self) -> shapely.STRtree:
        """Their index."""
        return shapely.STRtree(self.shapes)

    @cached_property
    def middles(self) -> NDArray[np.float64]:
        """(n, 2) degrees."""
        return np.asarray(shapely.get_coordinates(shapely.centroid(self.shapes)))

    @property
    def box(self) -> tuple[float, float, float, float]:
        """The land they lie on."""
        west, south, east, north = shapely.total_bounds(self.shapes).tolist()
        return west, south, east, north


@lru_cache(maxsize=2)
def rectangles(count: int, seed: int = 7) -> Rectangles:
    """So many rectangles, the same every time."""
    random = np.random.default_rng(seed)
    spread = np.sqrt(count / DENSE)
    middle = np.array([WEST, SOUTH]) + random.uniform(0, 1, (count, 2)) * [WIDE * spread, HIGH * spread]
    half = random.uniform(4, 14, (count, 2))
    turn = random.uniform(0, np.pi, count)
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]])[None] * half[:, None, :]
    c, s = np.cos(turn)[:, None], np.sin(turn)[:, None]
    metres = np.stack(
        [corners[..., 0] * c - corners[..., 1] * s, corners[..., 0] * s + corners[..., 1] * c], -1
    )
    places = np.round(middle[:, None, :] + metres / np.array([85_000.0, 111_000.0]), 7)
    height = np.round(random.uniform(3, 100, count), 2)
    columns = {
        "code": np.array([f"B{i:07}" for i in range(count)], object),
        "name": np.array([f"Building {i}" for i in range(count)], object),
        "height": height,
        "storeys": np.maximum(height // 3, 1).astype(np.int32),
        "use": USES[random.integers(0, len(USES), count)],
        "year": random.integers(1950, 2025, count).astype(np.int32),
        "owner": np.array([f"Owner {i}" for i in random.integers(0, 5000, count)], object),
    }
    return Rectangles(shapes=shapely.polygons(places), columns=columns)


def geopackage(count: int, path: Path, *, edited: bool) -> Path:
    """The rectangles as a GeoPackage: all as they were before the last edits, or the edited ones as they are."""
    found = rectangles(count)
    rows = np.flatnonzero(edits(count)) if edited else np.arange(count)
    columns = {n: v[rows] for n, v in found.columns.items()}
    if not edited:
        columns["height"] = np.where(edits(count), columns["height"] + 1.5, columns["height"])
    pyogrio.raw.write(
        path,
        geometry=np.asarray(shapely.to_wkb(found.shapes[rows]), object),
        field_data=list(columns.values()),
        fields=list(columns),
        geometry_type="Polygon",
        crs="EPSG:4326",
        driver="GPKG",
        layer="buildings",
    )
    return path


def edits(count: int) -> NDArray[np.bool_]:
    """(n,) which rows have a past: one in a hundred."""
    return np.arange(count) % 100 == 7


def geoparquet(count: int, path: Path) -> Path:
    """The rectangles as GeoParquet 1.1 in Hilbert order with a box a row, which is the best a reader of it can have."""
    found = rectangles(count)
    order = np.argsort(hilbert(*shapely.get_coordinates(shapely.centroid(found.shapes)).T))
    bounds = shapely.bounds(found.shapes)[order]
    box = pa.StructArray.from_arrays(
        [pa.array(bounds[:, i]) for i in range(4)], ["xmin", "ymin", "xmax", "ymax"]
    )
    columns: dict[str, Any] = {n: pa.array(v[order]) for n, v in found.columns.items()}
    wkb = pa.array(shapely.to_wkb(found.shapes[order]), pa.binary())
    table = pa.table({**columns, "geometry": wkb, "bbox": box})
    said = {"encoding": "WKB", "geometry_types": ["Polygon"], "bbox": list(found.box)}
    covering = {k: ["bbox", k] for k in ("xmin", "ymin", "xmax", "ymax")}
    geo = {
        "version": "1.1.0",
        "primary_column": "geometry",
        "columns": {"geometry": {**said, "covering": {"bbox": covering}}},
    }
    pq.write_table(table.replace_schema_metadata({"geo": json.dumps(geo)}), path, row_group_size=20_000)
    return path


def copied(count: int) -> Iterator[str]:
    """The rectangles as lines of PostgreSQL's COPY: the columns and hexadecimal EWKB."""
    found = rectangles(count)
    shapes = shapely.to_wkb(shapely.set_srid(found.shapes, 4326), hex=True, include_srid=True)
    for row in zip(*found.columns.values(), shapes, strict=True):
        yield "\t".join(map(str, row)) + "\n"
