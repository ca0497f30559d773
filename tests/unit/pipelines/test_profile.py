"""A profile over a plane, whose heights are known without asking the code."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyproj
import pytest
import shapely

from pipelines import profile
from pipelines.ground import Ground
from twin.errors import InvalidParameter
from twin.memory.store import MemoryStore
from twin.model import Column, Delivery, Layer, Titles
from twin.policy import Policy
from twin.table import TIMESTAMP, Batch

LAT = 39.9
WEST, EAST = 116.400, 116.410
SLOPE = 1000.0
"""Metres of height for a degree of longitude."""
PLANE = cast(
    "Ground",
    SimpleNamespace(
        vertical="EPSG:5737", heights=lambda lon, _lat: ((lon - WEST) * SLOPE).astype(np.float32)
    ),
)
ALONG = profile.line(np.array([[WEST, LAT], [EAST, LAT]]))
METRES = pyproj.Geod(ellps="WGS84")


def away(lon: float) -> float:
    """Metres along the line."""
    return METRES.inv(WEST, LAT, lon, LAT)[2]


def layer(
    store: MemoryStore, layer_id: str, kind: str, vertical: str, geometry: Any, **columns: list
) -> None:
    count = len(geometry)
    rows = {
        "id": [f"{layer_id}{n}" for n in range(count)],
        "geom": pa.array(shapely.to_wkb(geometry), pa.binary()),
        "valid_from": pa.nulls(count, TIMESTAMP),
        "valid_to": pa.nulls(count, TIMESTAMP),
        "dated": ["survey"] * count,
        "row": np.arange(count),
        **columns,
    }
    described = Layer(
        id=layer_id,
        kind=kind,
        title=Titles(zh=layer_id),
        vertical=vertical,
        columns=tuple(
            Column(name=n, type="number" if n in ("height", "diameter") else "string") for n in columns
        ),
    )
    store.write(
        described,
        [Batch(crs=None, table=pa.table(rows))],
        Delivery(source="s", at=datetime(2025, 7, 1, tzinfo=UTC)),
    )


def crossed(store: MemoryStore) -> tuple[list, list, list]:
    policy = Policy.open()
    states = store.layers(policy)
    return profile.crossings(store, ALONG, states, PLANE, profile.Asked(policy=policy))


def test_the_ground_is_sampled_from_end_to_end() -> None:
    found = profile.ground(ALONG, PLANE)
    assert found["distance"][0] == 0
    assert found["distance"][-1] == pytest.approx(away(EAST), abs=0.02)
    assert found["height"][0] == 0
    assert found["height"][-1] == pytest.approx(10.0, abs=0.02)
    assert found["height"] == sorted(cast("list[float]", found["height"]))


def test_a_corner_of_the_line_is_a_sample() -> None:
    bent = profile.line(np.array([[WEST, LAT], [WEST + 0.00333, LAT], [WEST + 0.00333, LAT + 0.004]]))
    corner = METRES.inv(WEST, LAT, WEST + 0.00333, LAT)[2]
    found = profile.ground(bent, PLANE)["distance"]
    assert min(abs(cast("float", d) - corner) for d in found) < 0.02


def test_a_building_stands_on_its_lowest_ground_and_reaches_from_wall_to_wall() -> None:
    store = MemoryStore()
    courtyard = shapely.box(116.406, LAT - 0.001, 116.409, LAT + 0.001) - shapely.box(
        116.407, LAT - 0.0005, 116.408, LAT + 0.0005
    )
    houses = [
        shapely.box(116.402, LAT - 0.001, 116.404, LAT + 0.001),
        courtyard,
        shapely.box(116.402, LAT + 0.002, 116.404, LAT + 0.003),
    ]
    layer(
        store, "houses", "buildings", "unknown", houses, height=[12.0, None, 9.0], name=["one", "two", "off"]
    )
    buildings, _, left_out = crossed(store)
    assert not left_out
    (one,) = [b for b in buildings if b["title"] == "one"]
    assert (one["from"], one["to"]) == pytest.approx((away(116.402), away(116.404)), abs=0.05)
    assert (one["bottom"], one["top"]) == pytest.approx((2.0, 14.0), abs=0.05)
    wings = sorted((b for b in buildings if b["title"] == "two"), key=lambda b: b["from"])
    assert [w["from"] for w in wings] == pytest.approx([away(116.406), away(116.408)], abs=0.05)
    assert {w["top"] for w in wings} == {None}
    assert not [b for b in buildings if b["title"] == "off"]


def test_a_pipe_is_met_at_the_height_between_its_ends() -> None:
    store = MemoryStore()
    pipes = [
        shapely.LineString([(116.405, LAT - 0.001, 1.0), (116.405, LAT + 0.001, 3.0)]),
        shapely.LineString([(116.405, LAT + 0.001, 1.0), (116.405, LAT + 0.002, 3.0)]),
        shapely.LineString([(116.401, LAT - 0.001), (116.401, LAT + 0.001)]),
    ]
    layer(store, "pipes", "networks", "EPSG:5737", pipes, diameter=[0.6, 0.3, 0.3])
    _, found, left_out = crossed(store)
    assert not left_out
    (met,) = found
    assert met["id"] == "pipes0"
    assert met["distance"] == pytest.approx(away(116.405), abs=0.05)
    assert met["height"] == pytest.approx(2.0, abs=0.01)


def test_pipes_of_another_datum_are_left_out_with_the_reason() -> None:
    store = MemoryStore()
    pipe = [shapely.LineString([(116.405, LAT - 0.001, 1.0), (116.405, LAT + 0.001, 3.0)])]
    layer(store, "pipes", "networks", "unknown", pipe, diameter=[0.6])
    _, found, left_out = crossed(store)
    assert not found
    assert left_out == [{"layer": "pipes", "reason": "its heights are unknown, the ground's EPSG:5737"}]


@pytest.mark.parametrize("places", [[[0, 0]], [[0, 0], [0, 0]], [[0, 0], [0, 91]], [[0, 0], [3, 3]]])
def test_a_line_that_is_none_is_refused(places: list) -> None:
    with pytest.raises(InvalidParameter, match="line"):
        profile.line(np.array(places, float))
