"""The housing bureau's buildings: a GBK shapefile without .cpg, its field names cut at ten bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyogrio
import shapely

from data_samples import manifest, offices, place
from data_samples.deliveries import dbf
from data_samples.deliveries.answers import Delivery, Fault, Note, Refusal

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from data_samples.deliveries.facts import Facts

NAME = "房屋普查_海丰街道.shp"
FIELDS = {
    "id": "建筑物编号",
    "name": "建筑物名称",
    "use": "房屋用途",
    "storeys": "建筑层数",
    "height": "建筑高度",
    "year_built": "建造年代",
    "address": "门牌地址",
}
CUT = "GIS更新单位名称"
"""Fifteen bytes, of which ten stay: three characters and a half."""
GARBLED = "锟斤拷锟斤拷楼"
"""What text becomes that was UTF-8, lost its encoding, and was saved as GBK."""


def write(known: Facts, folder: Path) -> Delivery:
    """Write the shapefile; returns its answers."""
    table = known.buildings
    shapes = np.asarray(shapely.force_2d(np.asarray(table.geometry.values, object)))
    columns: dict[str, NDArray[Any]] = {
        field: table[name].to_numpy(dtype=object) for name, field in FIELDS.items()
    }
    columns["建筑层数"] = np.array([str(n) for n in columns["建筑层数"]], dtype=object)
    columns["gxdw"] = np.full(len(table), "望海县住建局（虚构）", dtype=object)
    faults, notes = _planted(shapes, columns)
    _saved(folder / NAME, shapes, columns)
    return Delivery(
        files=(NAME,),
        title={"zh": "房屋普查（海丰街道）", "en": "Buildings survey of one town"},
        ingest={
            "layer": "delivered_buildings",
            "kind": "buildings",
            "vertical": place.VERTICAL,
            "valid_from": manifest.moment("2025-07-01"),
            "department": offices.HOUSING,
        },
        rows=len(table),
        faults=tuple(sorted(faults, key=lambda fault: int(fault.row))),
        notes=notes,
        refusals=(Refusal(kind="missing_prj", without=".prj", says=".prj is missing beside"),),
        truth="buildings_2025.gpkg",
    )


def _planted(
    shapes: NDArray[np.object_], columns: dict[str, NDArray[Any]]
) -> tuple[list[Fault], tuple[Note, ...]]:
    number = columns["建筑物编号"]
    number[31] = number[12]
    number[57] = None
    columns["建筑高度"][83], columns["建筑高度"][101] = -12.5, 99999.0
    columns["建筑层数"][149] = "六层"
    columns["建造年代"] = np.array([str(year) for year in columns["建造年代"]], dtype=object)
    columns["建造年代"][166] = "八十年代"
    columns["建筑物名称"][171] = GARBLED
    shapes[190] = None
    west, south, east, north = shapes[212].bounds
    shapes[212] = shapely.Polygon([(west, south), (east, north), (east, south), (west, north)])
    shapes[233] = shapely.transform(shapes[233], lambda at: at + np.array([39_000_000.0, 0.0]))
    shapes[251] = shapely.transform(shapes[251], lambda at: at[:, ::-1])
    shapes[272] = shapely.transform(shapes[272], lambda at: at + np.array([5e8, 0.0]))
    faults = [
        Fault(row=12, kind="duplicate_id", says="the id appears more than once"),
        Fault(row=31, kind="duplicate_id", says="the id appears more than once"),
        Fault(row=57, kind="missing_id", says="建筑物编号: null is no id"),
        Fault(row=83, kind="negative_height", says="a building is not -12.5 m high"),
        Fault(row=101, kind="impossible_height", says="a building is not 99999.0 m high"),
        Fault(row=149, kind="text_in_number", says="建筑层数: '六层' does not fit the column"),
        Fault(row=166, kind="text_in_number", says="建造年代: '八十年代' does not fit the column"),
        Fault(row=190, kind="missing_geometry", says="geometry: null"),
        Fault(row=212, kind="self_intersection", says="geometry: self-intersection at 118."),
        Fault(row=233, kind="wrong_zone", says="carries zone number 39, the others none"),
        Fault(row=272, kind="impossible_coordinate", says="is nowhere in EPSG:4548"),
    ]
    return faults, (
        Note(kind="no_encoding", says="no encoding is stated; the text reads as GB18030"),
        Note(
            kind="cut_name",
            says="names of ten bytes were cut within a character by who wrote them: GIS更新单",
        ),
        Note(kind="garbled_text", says="建筑物名称: 1 value holds signs of lost text (锟斤拷), row 171"),
        Note(kind="swapped_axes", says="row 251 is at"),
    )


def _saved(path: Path, shapes: NDArray[np.object_], columns: dict[str, NDArray[Any]]) -> None:
    fields = list(columns)
    pyogrio.raw.write(
        path,
        geometry=shapely.to_wkb(shapes),
        field_data=[_plain(columns[name]) for name in fields],
        fields=fields,
        geometry_type="Polygon",
        crs=place.CRS,
        driver="ESRI Shapefile",
        encoding="GBK",
    )
    path.with_suffix(".cpg").unlink(missing_ok=True)
    # As a program writes it that knows of no encodings: no language, and names cut where ten bytes end.
    dbf.stamped(path.with_suffix(".dbf"), language=0, renamed={"gxdw": CUT.encode("gbk")[:10]})


def _plain(values: NDArray[Any]) -> NDArray[Any]:
    """Numbers as numbers, words as they are."""
    known = [value for value in values if value is not None]
    if all(isinstance(value, int) for value in known):
        return values.astype(np.int32)
    if all(isinstance(value, int | float) for value in known):
        return values.astype(np.float64)
    return values
