"""What the tests of meshes share: a ground, and what a mesh must always be."""

import numpy as np

from layers.kind import Placed


class Flat:
    """A ground of one height, with a hole where `east` of a longitude there is none."""

    def __init__(self, height, vertical="EPSG:5737", until=np.inf):
        self.height, self.vertical, self.until = height, vertical, until

    def heights(self, lon, lat):
        return np.where(lon < self.until, self.height, np.nan).astype(np.float32)


class Slope(Flat):
    """A ground that rises with longitude, metres a degree."""

    def heights(self, lon, lat):
        return ((lon - 118.0) * self.height).astype(np.float32)


def placed(height=0.0, *, vertical="unknown", ground=None):
    return Placed(ground=ground or Flat(height), vertical=vertical)


def areas(mesh):
    """(t, 3) area vectors of a mesh's triangles."""
    a, b, c = (mesh.positions[mesh.indices[:, k]] for k in range(3))
    return np.cross(b - a, c - a) / 2


def check(mesh):
    """Finite, unit normals, and every triangle faces where its normals point."""
    assert np.isfinite(mesh.positions).all()
    assert np.allclose(np.linalg.norm(mesh.normals, axis=1), 1, atol=1e-5)
    assert mesh.indices.max() < len(mesh.positions)
    assert mesh.feature_ids.max() < mesh.properties.num_rows
    vectors = areas(mesh)
    size = np.linalg.norm(vectors, axis=1)
    facing = np.einsum("ij,ij->i", vectors, mesh.normals[mesh.indices].mean(axis=1))
    assert (facing[size > 1e-4] > 0.8 * size[size > 1e-4]).all()
