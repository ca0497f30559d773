"""Landmarks: closed solids with roofs, that face outwards and stand on the ground."""

from __future__ import annotations

import numpy as np
import orjson
import pyogrio
import rasterio
import shapely

from tests.unit.data_samples.conftest import County


def _city(wanghai: County) -> tuple[dict, np.ndarray]:
    city = orjson.loads(wanghai.file("landmarks.city.json").read_bytes())
    transform = city["transform"]
    return city, np.array(city["vertices"]) * transform["scale"] + transform["translate"]


def test_sixty_landmarks_have_roofs_of_several_shapes(wanghai: County) -> None:
    city, _ = _city(wanghai)
    assert city["version"] == "2.0"
    assert city["metadata"]["referenceSystem"].endswith("/EPSG/0/4548")
    assert len(city["CityObjects"]) >= 60
    assert {thing["attributes"]["roofType"] for thing in city["CityObjects"].values()} == {
        "flat",
        "gabled",
        "hipped",
        "pyramid",
    }


def test_each_solid_is_closed_faces_outwards_and_has_semantics(wanghai: County) -> None:
    city, at = _city(wanghai)
    for name, thing in city["CityObjects"].items():
        (solid,) = thing["geometry"]
        (shell,) = solid["boundaries"]
        assert len(solid["semantics"]["values"][0]) == len(shell), name
        edges = [pair for (ring,) in shell for pair in zip(ring, [*ring[1:], ring[0]], strict=True)]
        assert len(set(edges)) == len(edges), name
        assert {(b, a) for a, b in edges} == set(edges), name
        origin = at[shell[0][0][0]]
        volume = sum(
            np.linalg.det(at[[ring[0], ring[k], ring[k + 1]]] - origin) / 6
            for (ring,) in shell
            for k in range(1, len(ring) - 1)
        )
        assert volume > 50, name


def test_landmarks_stand_on_the_ground_and_on_nobody_elses_site(wanghai: County) -> None:
    city, at = _city(wanghai)
    with rasterio.open(wanghai.file("dem_5m.tif")) as dem:
        heights = np.array([z for (z,) in dem.sample(at[:, :2])])
    feet, outlines = [], []
    for thing in city["CityObjects"].values():
        rings = [ring for (ring,) in thing["geometry"][0]["boundaries"][0]]
        floor = np.array(rings[0])
        feet.append(at[floor, 2].min() - heights[floor].min())
        outlines.append(shapely.Polygon(at[floor, :2]))
    assert np.abs(feet).max() < 0.6
    houses = pyogrio.read_dataframe(wanghai.file("buildings_2025.gpkg")).geometry.values
    assert shapely.STRtree(houses).query(np.array(outlines), predicate="intersects").size == 0
