"""The transport bureau's places: a GBK shapefile whose .cpg lies, and whose points carry their zone number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyogrio
import shapely
from pyproj import Transformer

from data_samples import manifest, offices, place
from data_samples.deliveries import dbf
from data_samples.deliveries.answers import Delivery, Fault, Note, Refusal

if TYPE_CHECKING:
    from pathlib import Path

    from data_samples.deliveries.facts import Facts

NAME = "公共设施点.shp"
ZONE = 39_000_000.0


def write(known: Facts, folder: Path) -> Delivery:
    """Write the shapefile, without .prj and with a wrong .cpg; returns its answers."""
    table = known.places
    lonlat = shapely.get_coordinates(np.asarray(table.geometry.values, object))
    east, north = Transformer.from_crs("EPSG:4490", place.CRS, always_xy=True).transform(*lonlat.T)
    at = np.round(np.column_stack((np.asarray(east) + ZONE, north)), 3)
    at[17, 0] += 1_000_000.0
    at[29, 0] -= ZONE
    code = np.array([f"SS{k + 1:04d}" for k in range(len(table))], dtype=object)
    code[44] = code[40]
    path = folder / NAME
    pyogrio.raw.write(
        path,
        geometry=shapely.to_wkb(shapely.points(at)),
        field_data=[
            code,
            table["name"].to_numpy(dtype=object),
            table["category_zh"].to_numpy(dtype=object),
            np.full(len(table), "望海县交通运输局（虚构）", dtype=object),
        ],
        fields=["编号", "单位名称", "类别", "主管单位"],
        geometry_type="Point",
        crs=place.CRS,
        driver="ESRI Shapefile",
        encoding="GBK",
    )
    path.with_suffix(".prj").unlink()
    path.with_suffix(".cpg").write_text("ISO-8859-1")
    dbf.stamped(path.with_suffix(".dbf"), language=0)
    return Delivery(
        files=(NAME,),
        title={"zh": "公共设施点", "en": "Public places"},
        ingest={
            "layer": "delivered_places",
            "kind": "places",
            "crs": "EPSG:4548",
            "encoding": "GB18030",
            "valid_from": manifest.moment("2025-07-01"),
            "department": offices.TRANSPORT,
        },
        rows=len(table),
        faults=(
            Fault(row=17, kind="wrong_zone", says="carries zone number 40, the others zone 39"),
            Fault(row=29, kind="missing_zone", says="carries no zone number, the others zone 39"),
            Fault(row=40, kind="duplicate_id", says="the id appears more than once"),
            Fault(row=44, kind="duplicate_id", says="the id appears more than once"),
        ),
        notes=(Note(kind="zone_number", says="the eastings carry their zone number, 39", fault=False),),
        refusals=(
            Refusal(
                kind="lying_encoding", without="encoding", says="it reads as GB18030: --encoding GB18030"
            ),
            Refusal(kind="missing_prj", without="crs", says=".prj is missing beside"),
        ),
        truth="places.geojson",
    )
