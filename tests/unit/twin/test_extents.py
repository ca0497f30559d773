"""What a store derives from geometry and bodies."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyproj
import pytest
import shapely

from twin.body import Body
from twin.extents import extents, touches, union
from twin.model import BBox
from twin.space import hilbert


def derived(*shapes: object, bodies: list[bytes | None] | None = None) -> dict[str, list[object]]:
    geoms = pa.array(
        [None if s is None else shapely.to_wkb(s, output_dimension=3) for s in shapes], pa.binary()
    )
    columns = [] if bodies is None else [pa.array(bodies, pa.binary())]
    return {n: v.to_pylist() for n, v in extents(geoms, columns).items()}


def test_a_size_is_the_larger_side_in_metres_as_proj_measures_it() -> None:
    geod = pyproj.Geod(ellps="WGS84")
    for south, east in ((0.0, 118.01), (38.3, 118.002), (-70.0, 118.02)):
        size = derived(shapely.box(118, south, east, south + 0.001))["size"][0]
        middle = south + 0.0005
        along = geod.inv(118, middle, east, middle)[2]
        up = geod.inv(118, south, 118, south + 0.001)[2]
        assert size == pytest.approx(max(along, up), rel=1e-5)


def test_the_key_is_that_of_the_boxs_centre() -> None:
    (key,) = derived(shapely.LineString([(118, 38), (118.2, 38.4)]))["hkey"]
    assert key == hilbert(np.array([118.1]), np.array([38.2]))[0]


def test_heights_come_from_geometry_and_bodies() -> None:
    body = Body(
        vertices=np.array([[118, 38, -3.0], [118, 38, 40.0], [118.1, 38, 7.0]]),
        ring_ends=np.array([3], np.uint32),
        face_ends=np.array([1], np.uint32),
        corners=np.array([0, 1, 2], np.uint32),
        surfaces=np.zeros(1, np.uint8),
    )
    line = shapely.LineString([(118, 38, 5), (118.1, 38, 9)])
    out = derived(line, shapely.Point(1, 2), line, None, bodies=[None, body.encode(), body.encode(), None])
    assert list(zip(out["minz"], out["maxz"], strict=True)) == [(5, 9), (-3, 40), (-3, 40), (None, None)]


def test_what_is_nowhere_has_no_box() -> None:
    out = derived(None, shapely.Polygon())
    assert all(v == [None, None] for n, v in out.items())


def test_a_box_without_area_still_touches() -> None:
    geoms = pa.array(
        [shapely.to_wkb(shapely.Point(1, 1)), None, shapely.to_wkb(shapely.Point(2, 1))], pa.binary()
    )
    assert touches(geoms, BBox(west=1, south=1, east=1, north=1)).tolist() == [True, False, False]
    assert touches(geoms, BBox(west=1, south=1, east=2, north=1)).tolist() == [True, False, True]


def test_boxes_are_joined() -> None:
    one, other = BBox(west=1, south=2, east=3, north=4), BBox(west=0, south=3, east=2, north=9)
    assert union([one, other]) == BBox(west=0, south=2, east=3, north=9)
    assert union([]) is None
