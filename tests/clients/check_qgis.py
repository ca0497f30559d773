"""QGIS on a running twin, without a screen: features read, filtered and in another CRS; vector tiles drawn.

    twin ingest plots.geojson --layer plots --kind features && twin serve
    QT_QPA_PLATFORM=offscreen python3 tests/clients/check_qgis.py http://127.0.0.1:8000/ogc plots plots.geojson out.png

Runs in the Python of the system's QGIS (Debian: python3-qgis, qgis-providers), not in the project's.
The file is what the collection was made of: counts and positions are compared with it.
"""
# ruff: noqa: T201

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qgis.core import (
    Qgis,
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsFeatureRequest,
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsProject,
    QgsRectangle,
    QgsVectorLayer,
    QgsVectorTileLayer,
)
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor, QImage


def corners(feature: dict[str, Any]) -> list[tuple[float, float]]:
    """The outer ring of a polygon."""
    return [(x, y) for x, y, *_ in feature["geometry"]["coordinates"][0]]


def oapif(root: str, collection: str, more: str = "") -> QgsVectorLayer:
    """A layer of OGC API Features."""
    layer = QgsVectorLayer(f" url='{root}' typename='{collection}' pagingEnabled='true' {more}", "l", "OAPIF")
    if not layer.isValid():
        raise SystemExit(f"OAPIF: {layer.error().message()} {layer.dataProvider().error().message()}")
    return layer


def features(root: str, collection: str, truth: list[dict[str, Any]]) -> None:
    """Count, fields, a rectangle, an expression, another CRS."""
    layer = oapif(root, collection)
    found = list(layer.getFeatures())
    say("features read", len(found), len(truth))
    name = next(iter(truth[0]["properties"]))
    say(f"values of {name}", {f[name] for f in found} == {t["properties"][name] for t in truth}, True)

    xs, ys = zip(*(p for f in truth for p in corners(f)), strict=True)
    window = QgsRectangle(
        min(xs), min(ys), min(xs) + (max(xs) - min(xs)) / 3, min(ys) + (max(ys) - min(ys)) / 3
    )
    inside = sum(meets(corners(f), window) for f in truth)
    narrow = oapif(root, collection, "restrictToRequestBBOX='1'")
    say("features in a rectangle", len(list(narrow.getFeatures(QgsFeatureRequest(window)))), inside)

    number = next(k for k, v in truth[0]["properties"].items() if isinstance(v, float))
    values = sorted(f["properties"][number] for f in truth)
    least = values[len(values) * 9 // 10]
    wanted = sum(v > least for v in values)
    some = oapif(root, collection)
    say("takes a filter", some.setSubsetString(f'"{number}" > {least}'), True)
    say(f"features with {number} > {least}", len(list(some.getFeatures())), wanted)

    other = oapif(root, collection, "srsname='EPSG:4490'")
    box = other.extent()
    say("CRS that was asked for", other.crs().authid(), "EPSG:4490")
    first = next(other.getFeatures()).geometry().boundingBox()
    say("longitude is x there too", min(xs) - 1e-6 <= first.xMinimum() <= max(xs) + 1e-6, True)
    print("extent", box.toString(5))


def meets(ring: list[tuple[float, float]], window: QgsRectangle) -> bool:
    """Whether a rectangle with sides along the axes meets the window."""
    xs, ys = zip(*ring, strict=True)
    return (
        min(xs) <= window.xMaximum()
        and max(xs) >= window.xMinimum()
        and min(ys) <= window.yMaximum()
        and max(ys) >= window.yMinimum()
    )


def tiles(root: str, collection: str, truth: list[dict[str, Any]], shot: str) -> None:
    """The vector tiles, drawn on an image of one colour; pixels that are not of it are the layer's."""
    address = f"{root}/collections/{collection}/tiles/WebMercatorQuad/{{z}}/{{y}}/{{x}}"
    layer = QgsVectorTileLayer(f"type=xyz&url={address}&zmin=0&zmax=18", "tiles")
    say("vector tile layer is valid", layer.isValid(), True)
    mercator = QgsCoordinateReferenceSystem("EPSG:3857")
    xs, ys = zip(*(p for f in truth for p in corners(f)), strict=True)
    box = QgsRectangle(min(xs), min(ys), max(xs), max(ys))
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setDestinationCrs(mercator)
    settings.setOutputSize(QSize(800, 700))
    settings.setBackgroundColor(QColor("white"))
    settings.setExtent(projected(box, mercator))
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()
    image = job.renderedImage()
    image.save(shot)
    drawn = share(image)
    print(f"drawn {drawn:.1%} of the picture, {shot}")
    say("the picture is not blank", drawn > 0.05, True)


def projected(box: QgsRectangle, crs: QgsCoordinateReferenceSystem) -> QgsRectangle:
    here = QgsCoordinateReferenceSystem("OGC:CRS84")
    return QgsCoordinateTransform(here, crs, QgsProject.instance()).transformBoundingBox(box)


def share(image: QImage) -> float:
    """Part of a picture that is not white."""
    white = QColor("white").rgb()
    wide, high = image.width(), image.height()
    coloured = sum(image.pixel(x, y) != white for x in range(0, wide, 4) for y in range(0, high, 4))
    return coloured / ((wide // 4) * (high // 4))


def say(what: str, found: Any, wanted: Any) -> None:
    """One line; the run fails when one of them is wrong."""
    good = found == wanted
    print(f"{'ok  ' if good else 'FAIL'} {what}: {found}" + ("" if good else f", not {wanted}"))
    FAILED.extend([] if good else [what])


FAILED: list[str] = []


def main(root: str, collection: str, source: str, shot: str) -> int:
    """Everything; 1 when something is not as in the source."""
    truth = json.loads(Path(source).read_text("utf-8"))["features"]
    print(f"QGIS {Qgis.version()}")
    steps: list[Callable[[], None]] = [
        lambda: features(root, collection, truth),
        lambda: tiles(root, collection, truth, shot),
    ]
    for step in steps:
        step()
    return bool(FAILED)


if __name__ == "__main__":
    application = QgsApplication([], False)
    application.initQgis()
    status = main(*sys.argv[1:5])
    application.exitQgis()
    sys.exit(status)
