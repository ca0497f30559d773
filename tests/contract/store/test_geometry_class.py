"""The class of geometry that a layer says is that of all it holds, whichever came first."""

from __future__ import annotations

from dataclasses import replace

import shapely
from store_support import LAYER, OPEN_POLICY, batch, day, delivered, square

from twin.model import Layer, Mode
from twin.store import Store

POLYGONS = replace(LAYER, geometry="Polygon")
POINT = shapely.to_wkb(shapely.Point(118, 38))


def geometry(store: Store) -> str:
    return store.layer("buildings", OPEN_POLICY).layer.geometry


def test_a_later_batch_of_another_class_makes_the_layer_mixed(store: Store) -> None:
    batches = [batch([{"id": f"a{n}"}]) for n in range(3)]
    store.write(POLYGONS, [*batches, batch([{"id": "p", "geom": POINT}])], delivered(day(2021)))
    assert geometry(store) == "Geometry"
    assert [c.kind for c in store.changes(policy=OPEN_POLICY)] == ["layer"]


def test_single_and_multi_are_one_and_what_has_no_geometry_is_none(store: Store) -> None:
    multi = shapely.to_wkb(shapely.MultiPolygon([shapely.box(118, 38, 118.1, 38.1)]))
    rows = [{"id": "a"}, {"id": "b", "geom": multi}, {"id": "c", "geom": None}]
    store.write(POLYGONS, [batch([r]) for r in rows], delivered(day(2021)))
    assert geometry(store) == "Polygon"


def test_a_later_delivery_of_another_class_is_told_to_those_who_listen(store: Store) -> None:
    store.write(POLYGONS, [batch([{"id": "a"}])], delivered(day(2021)))
    assert geometry(store) == "Polygon"
    store.write(POLYGONS, [batch([{"id": "b"}])], delivered(mode=Mode.UPSERT))
    assert geometry(store) == "Polygon"
    store.write(POLYGONS, [batch([{"id": "p", "geom": POINT}])], delivered(mode=Mode.UPSERT))
    assert geometry(store) == "Geometry"
    assert store.changes(policy=OPEN_POLICY)[-1].kind == "layer"


def test_who_read_the_layer_before_it_was_mixed_does_not_undo_it(store: Store) -> None:
    store.write(POLYGONS, [batch([{"id": "a"}])], delivered(day(2021)))
    seen = store.layer("buildings", OPEN_POLICY).layer
    store.write(seen, [batch([{"id": "p", "geom": POINT}])], delivered(mode=Mode.UPSERT))
    store.write(seen, [batch([{"id": "b"}])], delivered(mode=Mode.UPSERT))
    assert geometry(store) == "Geometry"


def test_a_layer_of_rasters_keeps_its_footprints(store: Store) -> None:
    store.write(replace(LAYER, geometry="Raster"), [batch([{"id": "a"}])], delivered(day(2021)))
    assert geometry(store) == "Raster"


def test_a_class_that_was_said_and_never_came_is_not_said_on(store: Store) -> None:
    points: Layer = replace(LAYER, geometry="Point")
    store.write(points, [batch([{"id": "a", "geom": square()}])], delivered(day(2021)))
    assert geometry(store) == "Geometry"
