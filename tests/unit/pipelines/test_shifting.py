"""Shifted coordinates: plan, heights, bodies, and what has none."""

import numpy as np
import pyarrow as pa
import shapely

from pipelines.shifting import shifted
from twin import space
from twin.body import Body, decode
from twin.table import Batch

BODY = Body(
    vertices=np.arange(9.0).reshape(3, 3),
    ring_ends=np.array([3], np.uint32),
    face_ends=np.array([1], np.uint32),
    corners=np.arange(3, dtype=np.uint32),
    surfaces=np.zeros(1, np.uint8),
)


def batch(blobs, bodies):
    table = pa.table({"geom": pa.array(blobs, pa.binary()), "body_lod1": pa.array(bodies, pa.binary())})
    return Batch(table=table, crs=space.crs("EPSG:4548"))


def test_plan_height_and_body_move_and_nothing_gets_a_height_that_had_none():
    blobs = [shapely.to_wkb(shapely.Point(1, 2)), shapely.to_wkb(shapely.Point(1, 2, 3)), None, b"broken"]
    done = shifted(batch(blobs, [None, BODY.encode(), None, None]), (500000.0, 4e6, -0.5)).table
    found = shapely.from_wkb(done["geom"].to_pylist()[:2])
    assert [p.wkt for p in found] == ["POINT (500001 4000002)", "POINT Z (500001 4000002 2.5)"]
    assert done["geom"].to_pylist()[2:] == [None, b"broken"]
    assert done["body_lod1"][0].as_py() is None
    moved = decode(done["body_lod1"][1].as_py()).vertices
    assert np.array_equal(moved - BODY.vertices, [[500000, 4e6, -0.5]] * 3)
    assert len(shifted(batch([], []), (1.0, 1.0, 1.0)).table) == 0
