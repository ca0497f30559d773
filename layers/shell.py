"""Shells: triangles with their normals, colours and owners, on the way to a mesh."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from layers.kind import Kind
from twin.mesh import Mesh
from twin.space import enu_matrix, geodetic_to_ecef
from twin.table import ARROW_TYPES, TIMESTAMP


@dataclass(frozen=True, kw_only=True)
class Shell:
    """Triangles of some rows in a local frame."""

    positions: NDArray[np.float64]
    """(n, 3) float64 east, north, up in metres."""
    normals: NDArray[np.float64]
    """(n, 3) float64 unit vectors."""
    colors: NDArray[np.uint8]
    """(n, 4) uint8 RGBA."""
    owners: NDArray[np.int64]
    """(n,) int64: the row that a vertex belongs to."""
    indices: NDArray[np.int64]
    """(t, 3) int64, counter-clockwise seen from outside."""
    edges: NDArray[np.int64]
    """(e, 2) int64 vertex pairs to draw as outline."""


@dataclass(frozen=True, kw_only=True)
class Frame:
    """Places seen from a local frame: at height h a place is at `base + up * h`."""

    base: NDArray[np.float64]
    """(n, 3) float64 metres: where the ellipsoid is."""
    up: NDArray[np.float64]
    """(n, 3) float64 unit vectors."""

    def at(
        self, height: NDArray[np.float64], which: NDArray[np.int64] | slice = slice(None)
    ) -> NDArray[np.float64]:
        """(n, 3) float64 metres: the chosen places at heights above the ellipsoid."""
        return np.asarray(self.base[which] + self.up[which] * height[:, None])


def frame(lon: NDArray[np.float64], lat: NDArray[np.float64], origin: NDArray[np.float64]) -> Frame:
    """(n,) degrees seen from the east-north-up frame about a geodetic origin."""
    matrix = enu_matrix(origin)
    base = (geodetic_to_ecef(np.column_stack([lon, lat, np.zeros(len(lon))])) - matrix[:3, 3]) @ matrix[
        :3, :3
    ]
    x, y = np.radians(lon), np.radians(lat)
    up = np.column_stack([np.cos(y) * np.cos(x), np.cos(y) * np.sin(x), np.sin(y)]) @ matrix[:3, :3]
    return Frame(base=base, up=up)


def unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 3) float64: vectors of length one; a vector of no length becomes straight up."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.where(length > 0, vectors / np.where(length > 0, length, 1), (0.0, 0.0, 1.0))


def grey(level: NDArray[np.float64]) -> NDArray[np.uint8]:
    """(n, 4) uint8: opaque greys of levels 0 to 1."""
    value = np.clip(np.rint(level * 255), 0, 255).astype(np.uint8)
    return np.column_stack([value, value, value, np.full(len(value), 255, np.uint8)])


def joined(shells: Sequence[Shell]) -> Shell:
    """One shell of several."""
    starts = np.cumsum([0] + [len(s.positions) for s in shells])
    return Shell(
        positions=np.concatenate([np.empty((0, 3)), *(s.positions for s in shells)]),
        normals=np.concatenate([np.empty((0, 3)), *(s.normals for s in shells)]),
        colors=np.concatenate([np.empty((0, 4), np.uint8), *(s.colors for s in shells)]),
        owners=np.concatenate([np.empty(0, np.int64), *(s.owners for s in shells)]),
        indices=np.concatenate(
            [np.empty((0, 3), np.int64), *(s.indices + n for s, n in zip(shells, starts, strict=False))]
        ),
        edges=np.concatenate(
            [np.empty((0, 2), np.int64), *(s.edges + n for s, n in zip(shells, starts, strict=False))]
        ),
    )


def mesh(shell: Shell, origin: NDArray[np.float64], rows: pa.Table, kind: Kind) -> Mesh | None:
    """The mesh of a shell, with the kind's columns of the rows as property table; None without a triangle."""
    if not len(shell.indices):
        return None
    return Mesh(
        origin=origin,
        positions=shell.positions,
        indices=shell.indices.astype(np.uint32),
        normals=shell.normals.astype(np.float32),
        feature_ids=shell.owners.astype(np.uint32),
        properties=properties(rows, kind),
        colors=shell.colors,
        edges=shell.edges.astype(np.uint32) if len(shell.edges) else None,
    )


def properties(rows: pa.Table, kind: Kind) -> pa.Table:
    """The columns that travel with a tile, `id` first; what the layer lacks is null, so that tiles agree."""
    types = {c.name: ARROW_TYPES[c.type] for c in kind.columns} | {
        "valid_from": TIMESTAMP,
        "valid_to": TIMESTAMP,
    }
    names = ("id", *(n for n in kind.mesh_columns if n != "id"))
    return pa.table(
        {
            n: rows.column(n) if n in rows.column_names else pa.nulls(len(rows), types.get(n, pa.string()))
            for n in names
        }
    )
