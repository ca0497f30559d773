"""Bodies as bytes, and moved between CRSs."""

import numpy as np
import pyarrow as pa
import pytest

from twin.body import Body, Surface, decode, moved
from twin.errors import InvalidGeometry


def body(vertices):
    count = len(vertices)
    return Body(
        vertices=np.asarray(vertices, np.float64),
        ring_ends=np.array([count], np.uint32),
        face_ends=np.array([1], np.uint32),
        corners=np.arange(count, dtype=np.uint32),
        surfaces=np.array([Surface.ROOF], np.uint8),
    )


def test_a_body_comes_back_from_its_bytes_as_it_was():
    one = body([[118.0, 38.0, 1.0], [118.1, 38.0, 2.0], [118.1, 38.1, 3.0]])
    again = decode(one.encode())
    for name in ("vertices", "ring_ends", "face_ends", "corners", "surfaces"):
        assert np.array_equal(getattr(again, name), getattr(one, name))


@pytest.mark.parametrize("block", [b"", b"short", bytes(16) + b"more", b"\xff" * 40])
def test_bytes_that_are_no_body_are_refused(block):
    with pytest.raises(InvalidGeometry):
        decode(block)


def test_a_column_of_bodies_is_moved_at_once_and_heights_and_nulls_stay():
    blocks = pa.array([body([[1, 2, 3], [4, 5, 6]]).encode(), None, body([[7, 8, 9]]).encode()], pa.binary())
    done = moved(blocks, lambda x, y: (x + 100, y * 2))
    assert done.is_valid().to_pylist() == [True, False, True]
    assert decode(done[0].as_py()).vertices.tolist() == [[101, 4, 3], [104, 10, 6]]
    assert decode(done[2].as_py()).vertices.tolist() == [[107, 16, 9]]


def test_a_column_without_a_body_stays_empty():
    assert moved(pa.nulls(3, pa.binary()), lambda x, y: (x, y)).null_count == 3
