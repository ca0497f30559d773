"""Points that a surveyor knows beside what the twin has: figures worked out by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyproj
import pytest
import rasterio
import shapely
from rasterio.transform import from_origin
from typer.testing import CliRunner

from api import survey
from api.cli import app
from pipelines import control, offsets
from pipelines.ingest import ingest
from pipelines.reading import Request
from twin import vertical
from twin.errors import InvalidParameter, LayerNotFound, MissingPart
from twin.memory.store import MemoryStore
from twin.model import Delivery, Layer, Titles
from twin.policy import Policy
from twin.settings import Settings
from twin.table import TIMESTAMP, Batch

CRS = "EPSG:4548"
KNOWN = [(500000.0, 4200000.0, 12.0), (500100.0, 4200000.0, 13.0), (500000.0, 4200100.0, 14.0)]
"""Easting, northing, height as surveyed."""
MOVED = [(0.03, -0.04, 0.02), (0.0, 0.0, 0.0), (-0.06, 0.08, -0.05)]
"""By how much the twin has them otherwise."""
WELLS = Layer(id="wells", kind="features", title=Titles(zh="井"), geometry="Point", vertical="EPSG:5737")


@pytest.fixture
def store() -> MemoryStore:
    there = pyproj.Transformer.from_crs(CRS, "EPSG:4326", always_xy=True)
    places = [(e + de, n + dn, h + dh) for (e, n, h), (de, dn, dh) in zip(KNOWN, MOVED, strict=True)]
    points = [shapely.Point(*there.transform(e, n), h) for e, n, h in places]
    made = MemoryStore()
    table = pa.table(
        {
            "id": ["W1", "W2", "W3"],
            "geom": pa.array(shapely.to_wkb(points)),
            "valid_from": pa.nulls(3, TIMESTAMP),
            "valid_to": pa.nulls(3, TIMESTAMP),
            "dated": ["survey"] * 3,
            "row": [0, 1, 2],
        }
    )
    made.write(WELLS, [Batch(table=table, crs=None)], Delivery(source="s"))
    return made


def file(folder: Path, *, ids: bool = True, rows: list[tuple[float, float, float]] = KNOWN) -> Path:
    path = folder / "control.csv"
    lines = ["点名,东坐标,北坐标,高程,layer,id"]
    lines += [f"K{i},{e},{n},{h},wells,{f'W{i}' if ids else ''}" for i, (e, n, h) in enumerate(rows, 1)]
    path.write_text("\n".join(lines), "utf-8")
    return path


def checked(store: MemoryStore, home: Path, path: Path, **said: object) -> dict:
    from dataclasses import asdict

    job = {
        "points": [asdict(p) for p in survey.read(path, CRS, None)],
        "datum": "EPSG:5737",
        "radius": 5.0,
        "tolerance": None,
        **said,
    }
    return control.answer(store, Settings(home=home), job)


@pytest.mark.parametrize("ids", [True, False])
def test_residuals_are_what_the_points_were_moved_by(store: MemoryStore, tmp_path: Path, ids: bool) -> None:
    found = checked(store, tmp_path, file(tmp_path, ids=ids))
    for point, (east, north, up) in zip(found["points"], MOVED, strict=True):
        # Grid north and the projection's scale at the meridian itself are those of the ground.
        assert point["east"] == pytest.approx(east, abs=1e-4)
        assert point["north"] == pytest.approx(north, abs=1e-4)
        assert point["plan"] == pytest.approx(math.hypot(east, north), abs=1e-4)
        assert point["up"] == pytest.approx(up, abs=1e-6)
    assert [p["id"] for p in found["points"]] == ["W1", "W2", "W3"]
    plan, up = found["summary"]["plan"], found["summary"]["up"]
    assert (plan["count"], plan["mean"], plan["largest"]) == (
        3,
        pytest.approx(0.05, abs=1e-4),
        pytest.approx(0.1, abs=1e-4),
    )
    assert plan["rmse"] == pytest.approx(math.sqrt((0.05**2 + 0.1**2) / 3), abs=1e-4)
    assert up["mean"] == pytest.approx(-0.01, abs=1e-6)
    assert found["fine"]


def test_a_tolerance_is_held_in_plan_and_in_height(store: MemoryStore, tmp_path: Path) -> None:
    path = file(tmp_path)
    assert not checked(store, tmp_path, path, tolerance=0.09)["fine"]
    assert checked(store, tmp_path, path, tolerance=0.101)["fine"]
    high = file(tmp_path, rows=[(e, n, h + 1) for e, n, h in KNOWN])
    assert not checked(store, tmp_path, high, tolerance=0.5)["fine"]


def test_a_point_that_finds_nothing_is_not_fine(store: MemoryStore, tmp_path: Path) -> None:
    found = checked(store, tmp_path, file(tmp_path, ids=False, rows=[(510000.0, 4200000.0, 1.0)]))
    assert found["not_found"] == ["K1"]
    assert found["points"][0]["note"] == "nothing within 5 m"
    assert not found["fine"]


def test_two_datums_are_not_compared_without_a_way(store: MemoryStore, tmp_path: Path) -> None:
    found = checked(store, tmp_path, file(tmp_path), datum="EPSG:5736")
    assert found["points"][0]["up"] is None
    note = found["points"][0]["note"]
    assert "wells are of EPSG:5737 (Yellow Sea 1985 height), the point's of EPSG:5736" in note
    (tmp_path / "vertical.toml").write_text('[[way]]\nfrom = "1956"\nto = "1985"\nconstant = -0.029\n')
    found = checked(store, tmp_path, file(tmp_path), datum="EPSG:5736")
    assert found["points"][1]["up"] == pytest.approx(0.029, abs=1e-6)


def test_terrain_is_compared_in_height(tmp_path: Path) -> None:
    with rasterio.open(
        tmp_path / "dem.tif", "w", driver="GTiff", width=64, height=64, count=1, dtype="float32", crs=CRS,
        transform=from_origin(499_900, 4_200_100, 5, 5),
    ) as dem:  # fmt: skip
        dem.write(np.full((64, 64), 21.5, "float32"), 1)
    store, settings = MemoryStore(), Settings(home=tmp_path)
    ingest(
        store,
        [Request(paths=(str(tmp_path / "dem.tif"),), layer="dem", kind="terrain", vertical="1985")],
        settings,
    )
    path = tmp_path / "c.csv"
    path.write_text("name,东坐标,北坐标,h\nA,500000,4200000,21.4\nB,600000,4200000,21.4\n")
    points = list(survey.read(path, CRS, "dem"))
    twin = control.Twin(
        store=store, ground=lambda n: control.Grounds(store, settings.rasters).at(Policy.open(), layer=n),
        ways=vertical.NO_WAYS,
    )  # fmt: skip
    inside, outside = control.check(twin, points, datum="EPSG:5737")
    assert inside.up == pytest.approx(0.1, abs=0.002)
    assert outside.note == "no height in the twin"


def test_the_command_prints_and_exits_by_the_tolerance(tmp_path: Path) -> None:
    home = tmp_path / "home"
    source = tmp_path / "wells.csv"
    source.write_text("id,东坐标,北坐标,Z\nW1,500000,4200000,12\nW2,500100.3,4200000.4,13\n")
    settings = ["--home", str(home)]
    run = CliRunner()
    taken = run.invoke(
        app,
        ["ingest", str(source), "--layer", "wells", "--crs", CRS, "--vertical", "1985", "--kind", "features",
         "--column", "id=id", *settings],
    )  # fmt: skip
    assert taken.exit_code == 0, taken.output
    said = [
        "check",
        "--points",
        str(file(tmp_path, rows=KNOWN[:2])),
        "--crs",
        CRS,
        "--vertical",
        "1985",
        *settings,
    ]
    good = run.invoke(app, [*said, "--tolerance", "0.6"])
    assert good.exit_code == 0, good.output
    assert "K2" in good.output
    assert "+0.500" in good.output
    assert "within the tolerance of 0.6 m" in good.output
    bad = run.invoke(app, [*said, "--tolerance", "0.4", "--json"])
    assert bad.exit_code == 1
    assert json.loads(bad.output)["summary"]["plan"]["largest"] == pytest.approx(0.5, abs=1e-4)


def test_bad_files_of_points_are_told(store: MemoryStore, tmp_path: Path) -> None:
    with pytest.raises(MissingPart, match="there is no file"):
        list(survey.read(tmp_path / "no.csv", CRS, None))
    path = tmp_path / "c.csv"
    path.write_text("name,东坐标,北坐标\nA,500000,4200000\n")
    with pytest.raises(MissingPart, match="A names no layer"):
        list(survey.read(path, CRS, None))
    path.write_text("name,东坐标,北坐标\nA,x,4200000\n")
    with pytest.raises(InvalidParameter, match="row 0"):
        list(survey.read(path, CRS, "wells"))
    path.write_text("name,东坐标,北坐标\nA,500000,4200000\n")
    with pytest.raises(LayerNotFound):
        control.answer(
            store, Settings(home=tmp_path),
            {"points": [vars_of(p) for p in survey.read(path, CRS, "nothing")], "datum": "unknown", "radius": 5.0,
             "tolerance": None},
        )  # fmt: skip


def vars_of(point: control.Point) -> dict:
    return {n: getattr(point, n) for n in point.__dataclass_fields__}


def test_an_offset_is_kept_with_author_and_reason(store: MemoryStore) -> None:
    said = offsets.Offset(layer="wells", metres=1.5, to="1956", author="Li", reason="bench mark 7")
    report = offsets.state(store, said)
    layer = store.layer("wells", Policy.open()).layer
    own = layer.extra[vertical.OFFSET]
    assert (own["metres"], own["from"], own["to"], own["author"]) == (1.5, "EPSG:5737", "EPSG:5736", "Li")
    assert "+1.5 m to EPSG:5736 (Yellow Sea 1956 height), by Li: bench mark 7" in report.notes[0]
    assert store.reports("wells", Policy.open())[0].notes == report.notes
    assert store.layer("wells", Policy.open()).count == 3
    again = offsets.state(
        store, offsets.Offset(layer="wells", metres=2, to="1956", author="Wu", reason="again")
    )
    assert "before +1.5 m to EPSG:5736" in again.notes[0]
    way = vertical.NO_WAYS.of(store.layer("wells", Policy.open()).layer, "EPSG:5736")
    assert way is not None
    assert way.shift(np.array([117.0]), np.array([38.0])) == pytest.approx([2.0])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"author": " "}, "--author is empty"),
        ({"reason": ""}, "--reason is empty"),
        ({"metres": math.nan}, "--offset"),
        ({"metres": 1e6}, "--offset"),
        ({"to": "unknown"}, "another, known datum"),
        ({"to": "1985"}, "another, known datum"),
        ({"to": None}, "--to is needed"),
    ],
)
def test_an_offset_without_what_it_needs_is_refused(store: MemoryStore, change: dict, reason: str) -> None:
    said = {"layer": "wells", "metres": 1.0, "to": "1956", "author": "Li", "reason": "why", **change}
    with pytest.raises(InvalidParameter, match=reason):
        offsets.state(store, offsets.offset_from(said))
