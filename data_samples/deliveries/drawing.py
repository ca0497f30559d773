"""A topographic drawing as CASS writes it: AutoCAD 2000, text in GBK, feature codes in the extended data."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import ezdxf
import numpy as np
import shapely

from data_samples import manifest, offices, place
from data_samples.deliveries.answers import Delivery, Fault, Note, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ezdxf.document import Drawing
    from ezdxf.layouts import Modelspace

    from data_samples.deliveries.facts import Facts

NAME = "海丰街道_1-500地形图.dxf"
HOUSES = slice(300, 420)
CODED = "SOUTH"
"""The application that CASS registers; its first text is the feature code."""
HOUSE, WELL = "141161", "185102"
LAYERS = {"JMD": 6, "DLSS": 4, "GXYZ": 3, "ZJ": 7, "废弃": 8}
"""Layer and colour: buildings, roads, pipes' fittings, words, and one that is frozen."""


def write(known: Facts, folder: Path) -> Delivery:
    """Write the drawing; returns its answers."""
    with _fixed():
        made = _begun()
    page = made.modelspace()
    _drawn(page, known)
    x, y = _middle(known)
    faults, row = _planted(page, x, y)
    _beside(made, x, y)
    entities = [entity for entity in page if entity.dxftype() != "DIMENSION"]
    with _fixed():
        made.saveas(folder / NAME)
    return Delivery(
        files=(NAME,),
        title={"zh": "1:500地形图（海丰街道）", "en": "Topographic drawing 1:500"},
        ingest={
            "layer": "delivered_drawing",
            "kind": "features",
            "crs": place.CRS,
            "valid_from": manifest.moment("2025-07-01"),
            "department": offices.NATURE,
        },
        rows=len(entities),
        faults=faults,
        notes=(
            Note(kind="paper_space", says="1 entities are in paper space 'Layout1'; they were left out"),
            Note(kind="annotation", says="left out, since they only annotate: 1 DIMENSION"),
            Note(kind="hidden_layer", says="1 entities that the drawing hides (off, frozen)", fault=False),
            Note(kind="blocks", says="blocks went in as the points where they are put", fault=False),
            Note(kind="curves", says="arcs and curves are drawn as chords", fault=False),
            Note(kind="geometries", says="geometries of several kinds went in", fault=False),
            Note(kind="swapped_axes", says=f"row {row['swapped']} is at"),
            Note(
                kind="garbled_text",
                says=f"text: 1 value holds signs of lost text (锟斤拷), row {row['garbled']}",
            ),
        ),
        refusals=(Refusal(kind="no_crs", without="crs", says="--crs"),),
        truth="buildings_2025.gpkg",
    )


def _begun() -> Drawing:
    made = ezdxf.new("R2000")
    made.encoding = "gbk"
    made.appids.add(CODED)
    for name, color in LAYERS.items():
        made.layers.add(name, color=color)
    made.layers.get("废弃").freeze()
    well = made.blocks.new("GC185102")
    well.add_circle((0, 0), 0.5)
    well.add_attdef("井号", (0.8, 0))
    return made


def _window(known: Facts) -> shapely.Polygon:
    return shapely.box(*shapely.total_bounds(np.asarray(known.buildings.geometry.values, object)[HOUSES]))


def _middle(known: Facts) -> tuple[float, float]:
    middle = _window(known).centroid
    return round(middle.x, 2), round(middle.y, 2)


def _drawn(page: Modelspace, known: Facts) -> None:
    """Houses with their storeys, wells, and the edges of the streets between them."""
    window = _window(known)
    for _, row in known.buildings.iloc[HOUSES].iterrows():
        corners = shapely.get_coordinates(row.geometry.exterior)[:-1]
        house = page.add_lwpolyline(corners.tolist(), close=True, dxfattribs={"layer": "JMD"})
        house.set_xdata(CODED, [(1000, HOUSE), (1000, "混凝土"), (1070, int(row["storeys"]))])
        middle = row.geometry.representative_point()
        _word(page, f"混{row['storeys']}", middle.x, middle.y)
    wells = known.points[known.points["类别"] == "manhole"]
    for _, row in wells[shapely.intersects(window, wells.geometry.values)].iterrows():
        at = (row.geometry.x, row.geometry.y, row.geometry.z)
        put = page.add_blockref("GC185102", at, dxfattribs={"layer": "GXYZ"})
        put.add_attrib("井号", row["管点编号"], at[:2])
        put.set_xdata(CODED, [(1000, WELL)])
    for _, row in known.roads[shapely.intersects(window, known.roads.geometry.values)].iterrows():
        for edge in shapely.get_parts(row.geometry.buffer(row["width"] / 2, cap_style="flat").boundary):
            line = shapely.get_coordinates(edge)[:-1].round(3)
            page.add_lwpolyline(line.tolist(), dxfattribs={"layer": "DLSS"})
        middle = row.geometry.interpolate(0.5, normalized=True)
        _word(page, row["name"], middle.x, middle.y)


def _word(page: Modelspace, words: str, x: float, y: float) -> Any:
    return page.add_text(words, height=2.0, dxfattribs={"layer": "ZJ", "insert": (x, y)})


def _planted(page: Modelspace, x: float, y: float) -> tuple[tuple[Fault, ...], dict[str, int]]:
    """The faults, and the places of the two entities that go in with a word of warning."""
    on = {"layer": "JMD"}
    crossed = [(x, y), (x + 9, y + 6), (x + 9, y), (x, y + 2)]
    planted = [
        (_solid(page, x, y), "unread_entity", "MESH is not read; explode it"),
        (page.add_lwpolyline([(x, y)], dxfattribs=on), "single_point", "a line of one point"),
        (
            page.add_lwpolyline([(x, y), (9e14, y), (x, y + 5)], close=True, dxfattribs=on),
            "impossible_coordinate",
            "not finite, or beyond",
        ),
    ]
    faults = [Fault(row=str(e.dxf.handle), kind=kind, says=says) for e, kind, says in planted]
    bow = page.add_lwpolyline(crossed, close=True, dxfattribs=on)
    off = page.add_text("混3", height=2.0, dxfattribs={"layer": "ZJ", "insert": (x + 39_000_000.0, y)})
    faults += [
        Fault(row=_at(page, bow), kind="self_intersection", says="geometry: self-intersection at 118."),
        Fault(row=_at(page, off), kind="wrong_zone", says="what looks like zone number 39"),
    ]
    swapped = _word(page, "混6", y, x)
    garbled = _word(page, "锟斤拷路", x + 3, y + 3)
    return tuple(faults), {"swapped": _at(page, swapped), "garbled": _at(page, garbled)}


def _solid(page: Modelspace, x: float, y: float) -> Any:
    """A roof of triangles, as designers' programs leave it."""
    roof = page.add_mesh(dxfattribs={"layer": "JMD"})
    with roof.edit_data() as data:
        data.vertices = [(x, y, 9.0), (x + 8, y, 9.0), (x + 4, y + 3, 12.0)]
        data.faces = [(0, 1, 2)]
    return roof


def _at(page: Modelspace, entity: Any) -> int:
    """The entity's place among those of the drawing."""
    return list(page).index(entity)


def _beside(made: Drawing, x: float, y: float) -> None:
    """What is left out, or goes in marked: a dimension, paper space, a frozen layer."""
    page = made.modelspace()
    page.add_line((x, y), (x + 20, y), dxfattribs={"layer": "废弃"})
    page.add_linear_dim(base=(x, y - 5), p1=(x, y), p2=(x + 10, y)).render()
    made.layout("Layout1").add_line((0, 0), (297, 210))


@contextmanager
def _fixed() -> Iterator[None]:
    """Without moments and random numbers in the file: the same bytes each time."""
    ezdxf.options.write_fixed_meta_data_for_testing = True
    try:
        yield
    finally:
        ezdxf.options.write_fixed_meta_data_for_testing = False
