"""Point clouds: every point on its place in metres, attributes kept, headers that lie refused."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path
from typing import Any

import laspy
import numpy as np
import pyproj
import pytest
import shapely
from servers import DATA

from pipelines.readers import pointclouds
from pipelines.readers.pointclouds import read
from pipelines.readers.reader import Options
from pipelines.readers.scenes import las
from twin import space
from twin.errors import (
    InvalidParameter,
    MissingPart,
    OutsideCRSArea,
    TooLarge,
    TwinError,
    UnknownCRS,
    UnreadableFile,
)
from twin.place import to_crs84

AUTZEN = DATA / "pointcloud" / "autzen_trim.laz"
COUNT = 4000


def has_py3dtiles() -> bool:
    try:
        pointclouds.python()
    except MissingPart:
        return False
    return True


baking = pytest.mark.skipif(not has_py3dtiles(), reason=f"py3dtiles is not installed: {pointclouds.EXTRA}")


def cloud(
    path: Path, *, crs: str | None = "EPSG:4548", middle: tuple[float, float] = (500_000, 4_150_000),
    spread: float = 100, form: int = 7, colours: int = 65535,
) -> Path:  # fmt: skip
    """Points over a slope, in a CRS, of any format."""
    rng = np.random.default_rng(1)
    header = laspy.LasHeader(point_format=form, version="1.4" if form > 5 else "1.2")
    header.scales = np.array([0.001 if spread > 1 else 1e-9] * 2 + [0.001])
    header.offsets = np.array([*middle, 0.0])
    if crs:
        header.add_crs(pyproj.CRS(crs))
    points = laspy.ScaleAwarePointRecord.zeros(COUNT, header=header)
    points.x, points.y = (middle[i] + rng.uniform(-spread, spread, COUNT) for i in range(2))
    points.z = rng.uniform(10, 60, COUNT)
    points.intensity = np.arange(COUNT) * 16
    points.classification = rng.choice([2, 5, 6], COUNT)
    if colours and "red" in points.point_format.dimension_names:
        points.red = points.green = points.blue = rng.integers(0, colours, COUNT)
    with laspy.open(path, "w", header=header) as out:
        out.write_points(points)
    return path


def local(path: Path, target: Path, **options: Any) -> tuple[las.Source, las.Counted, laspy.LasData]:
    source = las.opened(path, Options(**options))
    counted = las.localised(source, target)
    return source, counted, laspy.read(target)


def geocentric(crs: pyproj.CRS, x: Any, y: Any, z: Any) -> Any:
    """(n, 3) earth-centred metres by PROJ alone; z in metres above the ellipsoid."""
    lon, lat = pyproj.Transformer.from_crs(crs, "OGC:CRS84", always_xy=True).transform(x, y)
    return np.column_stack(
        pyproj.Transformer.from_crs("EPSG:4979", "EPSG:4978", always_xy=True).transform(lon, lat, z)
    )


@pytest.mark.parametrize("suffix", [".las", ".laz"])
@pytest.mark.parametrize("form", [0, 3, 6, 7])
def test_points_lie_where_proj_puts_them(tmp_path: Path, suffix: str, form: int) -> None:
    path = cloud(tmp_path / f"a{suffix}", form=form)
    source, counted, made = local(path, tmp_path / "local.las")
    raw = laspy.read(path)
    matrix = space.enu_matrix(np.array(source.origin))
    found = np.column_stack([made.x, made.y, made.z]) @ matrix[:3, :3].T + matrix[:3, 3]
    assert np.abs(found - geocentric(source.crs, raw.x, raw.y, raw.z)).max() < 0.001
    assert (made.classification == raw.classification).all()
    assert (made.intensity == raw.intensity).all()
    assert np.abs(made["height"] - np.asarray(raw.z)).max() < 1e-5
    assert counted.points == COUNT
    assert counted.classes == dict(
        zip(*np.unique(np.asarray(raw.classification), return_counts=True), strict=True)
    )


@pytest.mark.parametrize(
    ("crs", "middle", "up"),
    [
        ("EPSG:2992", (636_500, 849_000), 0.3048),
        ("EPSG:2264", (1_450_000, 540_000), 1200 / 3937),
        ("EPSG:2992+6360", (636_500, 849_000), 1200 / 3937),
        ("EPSG:2992+5703", (636_500, 849_000), 1.0),
        ("EPSG:4548", (500_000, 4_150_000), 1.0),
        ("EPSG:4490", (118.5, 37.5), 1.0),
    ],
)
def test_heights_become_metres_and_it_is_said(
    tmp_path: Path, crs: str, middle: tuple[float, float], up: float
) -> None:
    path = cloud(tmp_path / "a.las", crs=crs, middle=middle, spread=100 if middle[0] > 360 else 0.001)
    source, counted, _ = local(path, tmp_path / "local.las")
    raw = laspy.read(path)
    assert source.up == pytest.approx(up, rel=1e-9)
    assert counted.high == pytest.approx(float(np.max(raw.z)) * up, abs=1e-6)
    assert bool([n for n in source.notes if "made metres" in n]) == (up != 1.0)


def test_the_unit_of_heights_may_stand_in_geotiff_keys(tmp_path: Path) -> None:
    path = cloud(tmp_path / "a.las", crs=None, form=3)
    data = laspy.read(path)
    vlr = laspy.vlrs.known.GeoKeyDirectoryVlr()
    vlr.geo_keys_header.number_of_keys = 2
    for number, value in ((3072, 26910), (4099, 9003)):
        key = laspy.vlrs.known.GeoKeyEntryStruct()
        key.id, key.tiff_tag_location, key.count, key.value_offset = number, 0, 1, value
        vlr.geo_keys.append(key)
    data.header.vlrs.append(vlr)
    data.write(path)
    assert las.opened(path, Options()).up == pytest.approx(1200 / 3937)


def test_without_a_crs_it_is_asked_for(tmp_path: Path) -> None:
    path = cloud(tmp_path / "a.las", crs=None)
    with pytest.raises(UnknownCRS, match="--crs"):
        las.opened(path, Options())
    assert las.opened(path, Options(crs="EPSG:4548")).crs.to_epsg() == 4548


def test_a_wrong_crs_is_refused_or_loud(tmp_path: Path) -> None:
    with pytest.raises(OutsideCRSArea, match="look like metres"):
        las.opened(cloud(tmp_path / "a.las", crs="EPSG:4490"), Options())
    path = cloud(tmp_path / "b.las", crs="EPSG:2992", middle=(500_000, 4_150_000))
    source = las.opened(path, Options())
    counted = las.localised(source, tmp_path / "local.las")
    row = {"geom": shapely.to_wkb(counted.hull)}
    batch = pointclouds.batch(pointclouds.Taken(source=source, counted=counted, row=row, folder=tmp_path), 0)
    assert any("WARNING" in note and "area of use" in note for note in to_crs84(batch).notes)


def patched(path: Path, at: int, form: str, value: float) -> Path:
    data = bytearray(path.read_bytes())
    struct.pack_into(form, data, at, value)
    path.write_bytes(bytes(data))
    return path


@pytest.mark.parametrize("suffix", [".las", ".laz"])
def test_a_header_that_claims_more_points_than_there_are_is_refused(tmp_path: Path, suffix: str) -> None:
    """F45."""
    path = patched(cloud(tmp_path / f"a{suffix}"), 247, "<Q", 10**9)
    with pytest.raises(UnreadableFile, match="its header says 1,000,000,000 points, the file holds"):
        local(path, tmp_path / "local.las")


@pytest.mark.parametrize("suffix", [".las", ".laz"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.97])
def test_a_file_that_is_cut_off_is_refused(tmp_path: Path, suffix: str, share: float) -> None:
    path = cloud(tmp_path / f"a{suffix}")
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(UnreadableFile):
        local(path, tmp_path / "local.las")


def test_headers_of_nonsense_are_refused(tmp_path: Path) -> None:
    junk = tmp_path / "a.las"
    junk.write_bytes(b"LASF" + b"\xff" * 500)
    with pytest.raises(UnreadableFile):
        las.opened(junk, Options())
    with pytest.raises(UnreadableFile, match="no numbers"):
        las.opened(patched(cloud(tmp_path / "b.las"), 179, "<d", math.nan), Options())
    with pytest.raises((TooLarge, UnreadableFile)):
        las.opened(patched(cloud(tmp_path / "c.las"), 247, "<Q", 10**15), Options())


def test_bounds_that_lie_are_found_by_the_points(tmp_path: Path) -> None:
    path = cloud(tmp_path / "a.las")
    for at in (179, 187):  # greatest and least x
        patched(path, at, "<d", 500_000 + 3e6)
    with pytest.raises(TwinError, match=r"km from the middle|nowhere"):
        local(path, tmp_path / "local.las")


def test_what_a_cloud_cannot_take_is_said(tmp_path: Path) -> None:
    path = cloud(tmp_path / "a.las")
    with pytest.raises(InvalidParameter, match="--at"):
        next(read((path,), Options(at=(118.5, 37.5))))
    with pytest.raises(InvalidParameter, match="--kind"):
        next(read((path,), Options(kind="buildings")))


def test_without_py3dtiles_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pointclouds, "BESIDE", tmp_path / "nowhere")
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(MissingPart, match=r"onemap-twin\[pointcloud\]"):
        next(read((cloud(tmp_path / "a.las"),), Options()))


def decoded(folder: Path) -> tuple[Any, dict[str, Any]]:
    """Positions about the frame and attributes of the finest tiles, read here by the letter of 3D Tiles 1.0."""
    places, tables = [], []

    def descend(tile: dict[str, Any], file: Path, above: Any, refine: str) -> None:
        matrix = above @ np.array(tile.get("transform", np.eye(4).ravel())).reshape(4, 4).T
        refine, children = tile.get("refine", refine), tile.get("children", [])
        uri = tile.get("content", {}).get("uri", "")
        if uri.endswith(".json"):
            below = json.loads((file.parent / uri).read_text())
            descend(below["root"], file.parent / uri, matrix, refine)
        elif uri and (refine == "ADD" or not children):
            xyz, table = pnts((file.parent / uri).read_bytes())
            places.append(xyz @ matrix[:3, :3].T + matrix[:3, 3])
            tables.append(table)
        for child in children:
            descend(child, file, matrix, refine)

    root = folder / "tileset.json"
    descend(json.loads(root.read_text())["root"], root, np.eye(4), "REPLACE")
    return np.concatenate(places), {n: np.concatenate([t[n] for t in tables]) for n in tables[0]}


def pnts(data: bytes) -> tuple[Any, dict[str, Any]]:
    _, _, _, features, binary, batches, _ = struct.unpack_from("<4s6I", data)
    said, rest = json.loads(data[28 : 28 + features]), data[28 + features :]
    count = said["POINTS_LENGTH"]
    xyz = (
        np.frombuffer(rest, "<f4", count * 3, said["POSITION"]["byteOffset"])
        .reshape(-1, 3)
        .astype(np.float64)
    )
    table: dict[str, Any] = {}
    if "RGB" in said:
        table["rgb"] = np.frombuffer(rest, "u1", count * 3, said["RGB"]["byteOffset"]).reshape(-1, 3)
    types = {"UNSIGNED_BYTE": "u1", "UNSIGNED_SHORT": "<u2", "FLOAT": "<f4"}
    for name, one in json.loads(rest[binary : binary + batches]).items():
        table[name] = np.frombuffer(
            rest[binary + batches :], types[one["componentType"]], count, one["byteOffset"]
        )
    return xyz + np.array(said.get("RTC_CENTER", (0, 0, 0))), table


@baking
@pytest.mark.skipif(not AUTZEN.exists(), reason="the real files (../shared/data) are not here")
def test_every_point_of_the_real_file_comes_out_of_the_tiles_with_its_attributes() -> None:
    (part,) = read((AUTZEN,), Options(kind="pointcloud"))
    (batch,) = part.batches
    (row,) = batch.table.to_pylist()
    assert row["points"] == 110_000
    assert (row["lowest"], row["highest"]) == (round(406.26 * 0.3048, 2), round(520.51 * 0.3048, 2))
    raw = laspy.read(AUTZEN)
    xyz, table = decoded(part.assets[row["file"]])
    matrix = space.enu_matrix(np.array([float(v) for v in row["place"].split(",")]))
    found = xyz @ matrix[:3, :3].T + matrix[:3, 3]
    wanted = geocentric(raw.header.parse_crs(), raw.x, raw.y, np.asarray(raw.z) * 0.3048)
    assert len(found) == len(wanted)
    assert np.abs(np.sort(found, axis=0) - np.sort(wanted, axis=0)).max() < 0.02
    assert (
        np.bincount(table["classification"]).tolist() == np.bincount(np.asarray(raw.classification)).tolist()
    )
    assert np.sort(table["intensity"]).tolist() == np.sort(np.asarray(raw.intensity)).tolist()
    assert np.abs(np.sort(table["height"]) - np.sort(np.asarray(raw.z) * 0.3048)).max() < 0.001
    assert np.sort(table["rgb"][:, 0]).tolist() == np.sort(np.asarray(raw.red)).tolist()
    assert part.extra["points"]["rgb"] is True
