"""A hundred known points through each CRS and datum: in by the real ingest, out by the doors, beside PROJ.

Files are written by GDAL and as CSV, the reading process reads them, and the rows in the store are compared
with the points that the files were made of; then the items are asked for in the CRS of the source.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import geopandas
import numpy as np
import pyproj
import pytest
import shapely
from starlette.testclient import TestClient

from api.app import create_app
from api.state import over
from pipelines.ingest import ingest
from pipelines.reading import Request
from twin import gcj02
from twin.memory.store import MemoryStore
from twin.model import Query
from twin.policy import Policy
from twin.settings import Settings

METRE = 1 / 111_320
"""Degrees of latitude."""
MILLIMETRE = 1e-3
COUNT = 100


@dataclass(frozen=True)
class Case:
    """Points in a CRS, and where they are."""

    layer: str
    crs: str
    """What `--crs` is told where the file cannot say."""
    xy: np.ndarray
    """(100, 2) as the source has them, x before y."""
    lonlat: np.ndarray
    """(100, 2) where they are by PROJ."""
    file: str = "gpkg"
    z: float | None = None
    door: int | None = None
    """The EPSG code by which the doors give the same numbers."""


def grid(west: float, south: float, east: float, north: float) -> np.ndarray:
    """A hundred places, the corners among them."""
    lon, lat = np.meshgrid(np.linspace(west, east, 10), np.linspace(south, north, 10))
    return np.column_stack([lon.ravel(), lat.ravel()])


def gauss(meridian: int, reach: float, *, prefix: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A zone's points by PROJ's own transverse Mercator, without its table of CRSs."""
    lonlat = grid(meridian - reach, 20.0, meridian + reach, 50.0)
    east, north = pyproj.Proj(
        proj="tmerc", lon_0=meridian, x_0=500_000 + prefix * 1e6, a=6378137, rf=298.257222101
    )(*lonlat.T)
    return np.column_stack([east, north]), lonlat


def zones() -> Iterator[Case]:
    """Every Gauss-Krüger zone of CGCS2000, with and without its number."""
    for width, first, count, plain, prefixed in ((3, 25, 21, 4534, 4513), (6, 13, 11, 4502, 4491)):
        for i in range(count):
            meridian = 75 + width * i
            for code, prefix in ((plain + i, 0), (prefixed + i, first + i)):
                xy, lonlat = gauss(meridian, width / 2, prefix=prefix)
                # Every other zone comes as a table of numbers whose CRS only the caller knows.
                file = "csv" if i % 2 else "gpkg"
                yield Case(f"gk{code}", f"EPSG:{code}", xy, lonlat, file, None, code)


def others() -> Iterator[Case]:
    """Degrees, metres and feet of elsewhere; where they are is PROJ's word."""
    boxes = {
        4490: (100, 20, 120, 45), 4326: (-170, -80, 170, 80), 3857: (100, 20, 120, 45), 6697: (135, 33, 140, 36),
        32650: (114, 20, 120, 45), 32651: (120, 20, 126, 45), 7415: (4, 51, 7, 53), 2056: (6, 46, 10, 47.5),
        3089: (-89, 36.6, -82, 39),
    }  # fmt: skip
    for code, box in boxes.items():
        crs = pyproj.CRS.from_epsg(code)
        flat = crs.sub_crs_list[0] if crs.is_compound else crs
        back = pyproj.Transformer.from_crs("OGC:CRS84", flat.to_2d(), always_xy=True)
        there = pyproj.Transformer.from_crs(flat.to_2d(), "OGC:CRS84", always_xy=True)
        xy = np.column_stack(back.transform(*grid(*box).T))
        z = 12.345 if crs.is_compound else None
        yield Case(f"c{code}", f"EPSG:{code}", xy, np.column_stack(there.transform(*xy.T)), "gpkg", z, code)


def shifted() -> Iterator[Case]:
    """Degrees of web maps, made by the published formula."""
    lonlat = grid(100, 20, 120, 45)
    for name, there in (("GCJ02", gcj02.from_wgs84), ("BD09", gcj02.bd09_from_wgs84)):
        for file in ("csv", "gpkg"):
            yield Case(f"{name}_{file}", name, np.column_stack(there(*lonlat.T)), lonlat, file)


PROFILES = {
    "own_meridian": (
        (
            "[projection]\ncentral_meridian = 117.51234\nfalse_easting = 61234.5\nfalse_northing = -4056789.25\n"
            "projection_height = 87.65\nzone_prefix = 39\n"
        ),
        (
            "+step +proj=tmerc +a=6378137 +rf=298.257222101 +lon_0=117.51234 "
            f"+k_0={1 + 87.65 / 6378137!r} +x_0=39061234.5 +y_0=-4056789.25"
        ),
    ),
    "四参数": (
        (
            '[similarity]\nto = "EPSG:4548"\neast = 412345.678\nnorth = 4123456.789\nrotation_seconds = 1234.5\n'
            "scale_ppm = 12.5\n"
        ),
        "+step +proj=tmerc +ellps=GRS80 +lon_0=117 +x_0=500000 +step +inv +proj=affine +xoff=412345.678 "
        "+yoff=4123456.789 +s11={c} +s12={s} +s21=-{s} +s22={c}".format(
            c=repr(1.0000125 * np.cos(np.radians(1234.5 / 3600)).item()),
            s=repr(1.0000125 * np.sin(np.radians(1234.5 / 3600)).item()),
        ),
    ),
    "seven": (
        (
            '[projection]\nellipsoid = "Krassowsky"\ncentral_meridian = 117.0\n[bursa_wolf]\ndx = 21.75\n'
            "dy = -139.23\ndz = -61.5\nrx = 1.25\nry = -2.5\nrz = 0.75\nscale_ppm = -7.5\n"
            'convention = "position_vector"\n'
        ),
        "",
    ),
}


def profiles() -> Iterator[Case]:
    """A site's own systems, beside pipelines written by hand."""
    lonlat = grid(117.0, 37.4, 118.4, 38.4)
    degrees = "+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad "
    for name, (_, steps) in PROFILES.items():
        if steps:
            xy = np.column_stack(pyproj.Transformer.from_pipeline(degrees + steps).transform(*lonlat.T))
            yield Case(f"own_{len(name)}_{ord(name[0])}", name, xy, lonlat, "csv")
    bound = pyproj.CRS(
        "+proj=tmerc +ellps=krass +lon_0=117 +x_0=500000 +type=crs "
        "+towgs84=21.75,-139.23,-61.5,1.25,-2.5,0.75,-7.5"
    )
    xy = np.column_stack(pyproj.Transformer.from_crs("OGC:CRS84", bound, always_xy=True).transform(*lonlat.T))
    there = pyproj.Transformer.from_crs(bound, "OGC:CRS84", always_xy=True).transform(*xy.T)
    yield Case("own_seven", "seven", xy, np.column_stack(there), "csv")


CASES = [*zones(), *others(), *shifted(), *profiles()]


def write(case: Case, folder: Path) -> Request:
    """The case's file, and what is asked of it."""
    path = folder / f"{case.layer}.{case.file}"
    columns = {"id": "name"}
    if case.file == "csv":
        head = "name,经度,纬度" if np.abs(case.xy).max() < 360 else "name,东坐标,北坐标"
        rows = [f"P{i:03},{x!r},{y!r}" for i, (x, y) in enumerate(case.xy.tolist())]
        path.write_text("\n".join([head, *rows]), "utf-8")
        return Request(paths=(str(path),), layer=case.layer, kind="features", columns=columns, crs=case.crs)
    z = np.full(COUNT, case.z) if case.z is not None else None
    frame = geopandas.GeoDataFrame(
        {"name": [f"P{i:03}" for i in range(COUNT)]},
        geometry=shapely.points(*case.xy.T, z) if z is not None else shapely.points(case.xy),
        crs=case.crs if case.crs.startswith("EPSG") else "EPSG:4326",
    )
    frame.to_file(path, driver="GPKG")
    said = None if case.crs.startswith("EPSG") else case.crs
    return Request(paths=(str(path),), layer=case.layer, kind="features", columns=columns, crs=said)


@dataclass(frozen=True)
class Taken:
    store: MemoryStore
    client: TestClient
    home: Path
    notes: dict[str, tuple[str, ...]]


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Taken]:
    """All cases in one store."""
    folder, home = tmp_path_factory.mktemp("files"), tmp_path_factory.mktemp("home")
    (home / "crs").mkdir()
    for name, (text, _) in PROFILES.items():
        (home / "crs" / f"{name}.toml").write_text(text, "utf-8")
    store, settings = MemoryStore(), Settings(home=home)
    reports = ingest(store, [write(case, folder) for case in CASES], settings)
    assert [r.accepted for r in reports] == [COUNT] * len(CASES)
    twin = over(store, settings)
    twin.ready.set()
    with TestClient(create_app(twin, static=home)) as client:
        yield Taken(store, client, home, {r.layer: r.notes for r in reports})


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.layer)
def test_a_hundred_points_come_in_where_proj_puts_them(taken: Taken, case: Case) -> None:
    rows = taken.store.read(Query(layer=case.layer, policy=Policy.open()))
    order = np.argsort(rows["id"].to_pylist())
    found = shapely.get_coordinates(shapely.from_wkb(np.asarray(rows["geom"], object)), include_z=True)[order]
    off = np.abs(found[:, :2] - case.lonlat) / METRE
    off[:, 0] *= np.cos(np.radians(case.lonlat[:, 1]))
    assert off.max() < MILLIMETRE
    if case.z is not None:
        assert (found[:, 2] == case.z).all()
    assert taken.store.layer(case.layer, Policy.open()).layer.crs == case.crs


@pytest.mark.parametrize("case", [c for c in CASES if c.door], ids=lambda case: case.layer)
def test_they_go_out_by_the_doors_as_they_came_in(taken: Taken, case: Case) -> None:
    uri = f"http://www.opengis.net/def/crs/EPSG/0/{case.door}"
    listed = taken.client.get(f"/ogc/collections/{case.layer}").json()["crs"]
    assert uri in listed
    answer = taken.client.get(f"/ogc/collections/{case.layer}/items?limit={COUNT}&crs={uri}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-crs"] == f"<{uri}>"
    found = {f["id"]: f["geometry"]["coordinates"] for f in answer.json()["features"]}
    out = np.array([found[f"P{i:03}"][:2] for i in range(COUNT)])
    crs = pyproj.CRS.from_epsg(case.door)
    flat = crs.sub_crs_list[0] if crs.is_compound else crs
    expected = case.xy
    if flat.geodetic_crs.to_epsg() != 4490:
        # Between datums PROJ's way back from 2D positions ends a millimetre beside where it began.
        back = pyproj.Transformer.from_crs("OGC:CRS84", flat.to_2d(), always_xy=True)
        expected = np.column_stack(back.transform(*case.lonlat.T))
        assert np.abs(expected - case.xy).max() < 2 * MILLIMETRE
    expected = expected[:, ::-1] if flat.axis_info[0].direction == "north" else expected
    unit = 1 / METRE if flat.is_geographic else flat.axis_info[0].unit_conversion_factor
    # The doors write seven digits after the point of a degree, three after that of a metre.
    assert (np.abs(out - expected) * unit).max() < (0.006 if flat.is_geographic else MILLIMETRE)


def test_what_was_shifted_says_so(taken: Taken) -> None:
    for layer in ("GCJ02_csv", "BD09_gpkg"):
        assert any("about 1 to 2 m" in note for note in taken.notes[layer])
        card = taken.client.get(f"/api/layers/{layer}").json()
        assert card["crs"] == layer.split("_")[0]
        assert any("about 1 to 2 m" in entry["note"] for entry in card["lineage"])
        assert taken.store.layer(layer, Policy.open()).layer.extra["converted_from"] == card["crs"]
    assert any("GCJ02_gpkg.gpkg states WGS 84; taken as GCJ02" in note for note in taken.notes["GCJ02_gpkg"])


SECRETS = ("117.51234", "87.65", "61234.5", "4056789", "412345.67", "4123456.78", "1234.5", "139.23", "61.5")


def test_a_profile_is_seen_by_its_name_alone(taken: Taken) -> None:
    said = []
    for case in profiles():
        for path in (
            f"/api/layers/{case.layer}",
            f"/ogc/collections/{case.layer}",
            f"/api/layers/{case.layer}/quarantine",
        ):
            said += [taken.client.get(path).text]
        assert taken.client.get(f"/api/layers/{case.layer}").json()["crs"] == case.crs
    text = "\n".join((*said, taken.client.get("/api/layers").text))
    assert not [secret for secret in SECRETS if secret in text]
    elsewhere = [p for p in taken.home.rglob("*") if p.is_file() and p.parent.name != "crs"]
    assert not [p for p in elsewhere if any(s.encode() in p.read_bytes() for s in SECRETS)]
