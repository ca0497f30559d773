"""The files of the table "What must go in": the command shown, the counts and places shown, on every door."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2
import numpy as np
import pyproj
import pytest
from servers import DATA, Server, start, stop

from pipelines.readers import pointclouds
from twin.errors import MissingPart


def has_py3dtiles() -> bool:
    try:
        pointclouds.python()
    except MissingPart:
        return False
    return True


pytestmark = pytest.mark.skipif(not DATA.exists(), reason="the real files (../shared/data) are not here")


@dataclass(frozen=True)
class Case:
    """A command and what must be there after it."""

    layer: str
    files: tuple[str, ...]
    arguments: tuple[str, ...] = ()
    kind: str = ""
    rows: dict[str, int] = field(default_factory=dict)
    """Layer -> rows."""
    box: tuple[float, float, float, float] | None = None
    """West, south, east, north within which everything lies."""
    filled: float = 0.0
    """The share of the box that the layer's own box must have."""


PLATEAU = "buildings/plateau/yokosuka-shi/udx/bldg/52397519_bldg_6697_op.gml"
POINTS = (
    [
        Case(
            "autzen",
            ("pointcloud/autzen_trim.laz",),
            ("--kind", "pointcloud"),
            kind="pointcloud",
            rows={"autzen": 1},
            box=(-123.0736, 44.0499, -123.0688, 44.0516),
            filled=0.6,
        )
    ]
    if has_py3dtiles()
    else []
)
"""Only where py3dtiles is: `make setup` puts it there."""
CASES = [
    Case(
        "delft",
        ("buildings/delft.city.json",),
        kind="buildings",
        rows={
            "delft": 160, "delft_Road": 143, "delft_PlantCover": 126, "delft_LandUse": 81,
            "delft_GenericCityObject": 54, "delft_Bridge": 3, "delft_WaterBody": 3,
        },
        box=(4.361, 52.010, 4.371, 52.015),
        filled=0.1,
    ),
    Case(
        "zurich",
        ("buildings/zurich_subset_lod2.city.json",),
        kind="buildings",
        rows={"zurich": 49},
        box=(8.474, 47.332, 8.597, 47.424),
        filled=0.9,
    ),
    Case("fcb", ("buildings/fcb_small.city.jsonl",), kind="buildings", rows={"fcb": 3}, box=(4.2, 51.9, 4.5, 52.1)),
    Case(
        "mago",
        ("buildings/mago_footprint-with-height.geojson",),
        kind="buildings",
        rows={"mago": 177},
        box=(127.176, 37.613, 127.186, 37.623),
        filled=0.5,
    ),
    Case("magopkg", ("buildings/mago_footprint.gpkg",), rows={"magopkg": 177}, box=(127.176, 37.613, 127.186, 37.623)),
    Case("plateau", (PLATEAU,), kind="buildings", rows={"plateau": 13}, box=(139.5, 35.1, 139.75, 35.35)),
    Case(
        "texas",
        ("terrain/pysheds_dem.tif",),
        ("--kind", "terrain"),
        kind="terrain",
        rows={"texas": 1},
        box=(-97.4855, 32.5220, -97.1785, 32.8222),
        filled=0.98,
    ),
    Case(
        "gulf",
        ("terrain/N00E010.hgt",),
        ("--kind", "terrain"),
        kind="terrain",
        rows={"gulf": 1},
        box=(9.99, -0.01, 11.01, 1.01),
        filled=0.95,
    ),
    Case(
        "vinschgau",
        ("terrain/terra_elev_vinschgau.tif",),
        ("--kind", "terrain"),
        kind="terrain",
        rows={"vinschgau": 1},
        box=(10.278, 46.434, 11.117, 46.884),
        filled=0.95,
    ),
    Case(
        "korea",
        ("terrain/rasterio_cogeo.tif",),
        ("--kind", "imagery"),
        kind="imagery",
        rows={"korea": 1},
        box=(128.654, 37.665, 128.662, 37.672),
        filled=0.4,
    ),
    Case("net1", ("pipes/Net1.inp",), ("--crs", "EPSG:4548"), kind="networks", rows={"net1": 13, "net1_nodes": 11}),
    Case("net3", ("pipes/Net3.inp",), ("--crs", "EPSG:4548"), kind="networks", rows={"net3": 119, "net3_nodes": 97}),
    Case(
        "ky4",
        ("pipes/ky4.inp",),
        ("--crs", "EPSG:3089"),
        kind="networks",
        rows={"ky4": 1158, "ky4_nodes": 964},
        box=(-85.677, 38.002, -85.499, 38.082),
        filled=0.95,
    ),
    Case(
        "example1",
        ("pipes/swmmio_Example1.inp",),
        ("--crs", "EPSG:4548"),
        kind="networks",
        rows={"example1": 13, "example1_nodes": 14, "example1_subcatchments": 8},
    ),
    Case(
        "grid",
        ("buildings/citygml4j_lod2_buildings_v3.gml",),
        kind="buildings",
        rows={"grid": 100},
        box=(13.037, 52.325, 13.042, 52.328),
    ),
    Case(
        "lod4",
        ("buildings/citygml4j_lod4_building_v2.gml",),
        kind="buildings",
        rows={"lod4": 1, "lod4_ReliefFeature": 1},
        box=(8.436, 49.096, 8.437, 49.097),
    ),
    Case(
        "relief",
        ("buildings/plateau/yokosuka-shi/udx/dem/523965_dem_6697_05_op.gml",),
        ("--kind", "terrain"),
        kind="terrain",
        rows={"relief": 2},
        box=(139.687, 35.194, 139.701, 35.209),
    ),
    Case(
        "helsinki",
        ("roads/Helsinki.osm.pbf",),
        rows={"helsinki_buildings": 486},
        box=(24.92, 60.15, 24.97, 60.19),
    ),
    Case(
        "air",
        ("sensors/openaq_air_quality_stations.csv", "sensors/openaq_air_quality_long.csv"),
        ("--kind", "sensors"),
        kind="sensors",
        rows={"air": 66},
        box=(-180, 0, 180, 90),
    ),
    Case(
        "beijing",
        ("sensors/PRSA_Aotizhongxin.csv",),
        ("--kind", "sensors", "--at", "116.40,40.00"),
        kind="sensors",
        rows={"beijing": 1},
        box=(116.3999, 39.9999, 116.4001, 40.0001),
    ),
    Case(
        "quakes",
        ("incidents/earthquakes-23k.csv",),
        ("--kind", "features"),
        kind="features",
        rows={"quakes": 23_412},
        box=(-180, -90, 180, 90),
        filled=0.9,
    ),
    *(
        Case(
            f"tiles3d_{name}", (f"tiles3d_samples/{name}",), ("--kind", "mesh"), kind="mesh",
            rows={f"tiles3d_{name}": rows}, box=(-0.001, -0.001, 0.001, 0.001),
        )
        for name, rows in {
            "SparseImplicitQuadtree": 1, "SparseImplicitOctree": 1, "MetadataGranularities": 1,
            "TilesetWithFullMetadata": 1, "MultipleContents": 1, "BoundingBoxTests": 6,
        }.items()
    ),
    *POINTS,
]  # fmt: skip
LAYERS = [(case, layer) for case in CASES for layer in case.rows]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, dict[str, list[Any]]]]:
    """A running server that took every file through its socket, and the reports."""
    server = start(tmp_path_factory.mktemp("real"))
    reports = {}
    for case in CASES:
        files = [str(DATA / name) for name in case.files]
        said = server.twin("ingest", *files, "--layer", case.layer, *case.arguments, "--json")
        reports[case.layer] = json.loads(said.stdout)
    yield server, reports
    stop(server)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.layer)
def test_it_goes_in_with_its_counts_and_a_report(filled: Any, case: Case) -> None:
    _, reports = filled
    found = {r["layer"]: r for r in reports[case.layer]}
    for layer, rows in case.rows.items():
        assert found[layer]["accepted"] == found[layer]["added"] == rows
    for report in found.values():
        assert report["read"] == report["accepted"] + report["quarantined"]
        assert report["place"]


@pytest.mark.parametrize(("case", "layer"), LAYERS, ids=lambda v: v if isinstance(v, str) else "")
def test_it_is_in_the_catalogue_where_it_belongs(filled: Any, case: Case, layer: str) -> None:
    server, _ = filled
    found = next(entry for entry in server.json("/api/layers")["layers"] if entry["id"] == layer)
    assert found["count"] == case.rows[layer]
    if case.kind and layer == case.layer:
        assert found["kind"] == case.kind
    if case.box:
        west, south, east, north = found["bbox"]
        assert case.box[0] <= west <= east <= case.box[2]
        assert case.box[1] <= south <= north <= case.box[3]
        if layer == case.layer and case.filled:
            whole = (case.box[2] - case.box[0]) * (case.box[3] - case.box[1])
            assert (east - west) * (north - south) >= case.filled * whole


@pytest.mark.parametrize(("case", "layer"), LAYERS, ids=lambda v: v if isinstance(v, str) else "")
def test_it_is_served_as_items(filled: Any, case: Case, layer: str) -> None:
    server, _ = filled
    answer = server.json(f"/ogc/collections/{layer}/items?limit=3")
    assert answer["numberMatched"] == case.rows[layer]
    assert all(f["geometry"] for f in answer["features"])


@pytest.mark.skipif(not POINTS, reason=f"py3dtiles is not installed: {pointclouds.EXTRA}")
def test_the_point_cloud_is_all_there_in_metres(filled: Any) -> None:
    server, _ = filled
    (item,) = server.json("/ogc/collections/autzen/items")["features"]
    said = item["properties"]
    assert said["points"] == 110_000
    assert (said["lowest"], said["highest"]) == (123.83, 158.65)
    (tile,) = server.json("/tiles/autzen/tileset.json")["root"]["children"]
    assert server.json(tile["content"]["uri"])["asset"]["version"] == "1.0"


def test_tilesets_of_others_come_back_byte_for_byte(filled: Any) -> None:
    server, _ = filled
    folder = DATA / "tiles3d_samples" / "SparseImplicitOctree"
    (tile,) = server.json("/tiles/tiles3d_SparseImplicitOctree/tileset.json")["root"]["children"]
    base = tile["content"]["uri"].removesuffix("tileset.json")
    for file in (p for p in folder.rglob("*") if p.is_file()):
        assert server.get(base + file.relative_to(folder).as_posix()).content == file.read_bytes()


def test_a_model_against_its_schema_is_refused_or_quarantined_with_the_reason(filled: Any) -> None:
    server, _ = filled
    (path,) = (DATA / "buildings/invalid").glob("*.gml")
    without = server.twin("ingest", str(path), "--layer", "invalid", "--json", check=False)
    assert without.returncode == 1
    assert "--crs" in without.stdout
    said = server.twin("ingest", str(path), "--layer", "invalid", "--crs", "EPSG:25832", "--json")
    (report,) = json.loads(said.stdout)
    assert (report["accepted"], report["quarantined"]) == (0, 1)
    page = server.json("/api/layers/invalid/quarantine")
    assert "begin with a letter" in json.dumps(page, ensure_ascii=False)


def contents(server: Server, document: dict[str, Any]) -> Iterator[str]:
    """Addresses of all GLBs under a tileset."""
    todo = [document["root"]]
    while todo:
        tile = todo.pop()
        todo += tile.get("children", [])
        uri = tile.get("content", {}).get("uri", "")
        if uri.endswith(".json"):
            todo.append(server.json(uri)["root"])
        elif uri:
            yield uri


def geodetic(glb: bytes) -> tuple[np.ndarray, int]:
    """Longitude, latitude and height of a GLB's vertices, and how many features it says it has."""
    (length,) = struct.unpack("<I", glb[12:16])
    document = json.loads(glb[20 : 20 + length])
    binary = glb[28 + length :]
    primitive = document["meshes"][0]["primitives"][0]
    accessor = document["accessors"][primitive["attributes"]["POSITION"]]
    view = document["bufferViews"][accessor["bufferView"]]
    start_ = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
    local = np.frombuffer(binary, "<f4", accessor["count"] * 3, start_).reshape(-1, 3).astype(float)
    matrix = np.array(document["nodes"][0]["matrix"]).reshape(4, 4).T
    x, y, z, _ = matrix @ np.c_[local, np.ones(len(local))].T
    # glTF is y up; 3D Tiles turns it to z up.
    places = pyproj.Transformer.from_crs(4978, 4979, always_xy=True).transform(x, -z, y)
    tables = document["extensions"]["EXT_structural_metadata"]["propertyTables"]
    return np.column_stack(places), tables[0]["count"]


BODIES = ["delft", "zurich", "fcb", "mago", "plateau", "ky4", "net3", "helsinki_buildings"]


@pytest.mark.parametrize("layer", BODIES)
def test_it_is_served_as_3d_tiles_at_its_place_and_on_the_ground(filled: Any, layer: str) -> None:
    server, _ = filled
    box = next(entry["bbox"] for entry in server.json("/api/layers")["layers"] if entry["id"] == layer)
    features = 0
    for uri in contents(server, server.json(f"/tiles/{layer}/tileset.json")):
        glb = server.get(uri)
        assert glb.status_code == 200
        places, count = geodetic(glb.content)
        features += count
        assert (places[:, :2] >= np.array(box[:2]) - 2e-4).all()
        assert (places[:, :2] <= np.array(box[2:]) + 2e-4).all()
        # None of these has terrain under it: the ground is 0, and everything begins near it.
        assert -25 < places[:, 2].min() < 1
        assert places[:, 2].max() < 200
    rows = next(case.rows[layer] for case in CASES if layer in case.rows)
    assert features == rows


def test_twelve_buildings_have_their_stated_height_and_the_zero_ones_say_unknown(filled: Any) -> None:
    server, _ = filled
    found = server.json("/ogc/collections/mago/items?limit=1000")["features"]
    heights = [f["properties"]["height"] for f in found]
    assert sum(h is None for h in heights) == 37
    assert all(h is None or h > 0 for h in heights)


def test_lengths_and_diameters_are_metres(filled: Any) -> None:
    server, _ = filled
    for layer, metres in (("net3", 65_748.96), ("ky4", 260_241.03)):
        found = server.json(f"/ogc/collections/{layer}/items?limit=10000&role=pipe")["features"]
        assert sum(f["properties"]["length"] for f in found) == pytest.approx(metres, abs=0.01)
        assert all(0.01 < f["properties"]["diameter"] < 3 for f in found)
    assert next(e for e in server.json("/api/layers")["layers"] if e["id"] == "net3")["schematic"]


def test_osm_buildings_say_where_their_height_is_from(filled: Any) -> None:
    server, _ = filled
    found = server.json("/ogc/collections/helsinki_buildings/items?limit=1000")["features"]
    sources = [f["properties"]["height_source"] for f in found]
    assert sources.count("height") == 17
    assert sources.count("levels") >= 140
    assert server.json("/ogc/collections/helsinki_roads/items?limit=1")["numberMatched"] > 300


def test_observations_are_there_and_missing_stays_missing(filled: Any) -> None:
    server, _ = filled
    streams = server.json("/sta/v1.1/Datastreams?$top=1000")["value"]
    air = [s for s in streams if s["properties"]["layer"] == "air"]
    assert {s["properties"]["thing"] for s in air} == {"BETR801", "FR04014", "London Westminster"}
    counts = server.json("/api/things/air/FR04014")["datastreams"]
    assert sum(s["count"] for s in counts) > 1000
    things = server.json("/ogc/collections/beijing/items")["features"]
    pm = next(
        s
        for s in server.json(f"/api/things/beijing/{things[0]['id']}")["datastreams"]
        if s["name"] == "PM2.5"
    )
    assert pm["count"] == 35_064
    page, missing = f"/sta/v1.1/Datastreams({pm['id']})/Observations?$top=1000", 0
    while page:
        answer = server.json(page)
        missing += sum(o["result"] is None for o in answer["value"])
        page = answer.get("@iot.nextLink", "").removeprefix(server.address)
    assert missing == 925


def test_terrain_is_served_and_is_the_files_own_height(filled: Any) -> None:
    import rasterio

    server, _ = filled
    assert server.get("/tiles/vinschgau/layer.json").status_code == 200
    with rasterio.open(DATA / "terrain/terra_elev_vinschgau.tif") as file:
        row, column = 100, 120
        x, y = file.xy(row, column)
        lon, lat = pyproj.Transformer.from_crs(file.crs, 4326, always_xy=True).transform(x, y)
        stated = float(file.read(1)[row, column])
    assert server.json(f"/api/here?lon={lon}&lat={lat}")["height"] == pytest.approx(stated, abs=40)
    rows = server.json("/ogc/collections/vinschgau/items")["features"]
    assert rows[0]["properties"]["minimum"] == pytest.approx(388, abs=1)


def test_the_map_and_vector_tiles_are_drawn(filled: Any) -> None:
    server, _ = filled
    picture = server.get("/tiles/map/15/18650/9483.png")
    assert picture.headers["content-type"] == "image/png"
    assert server.get("/tiles/quakes/0/0/0.mvt").status_code == 200


def test_the_server_is_well_after_all_of_it(filled: Any) -> None:
    server, _ = filled
    assert server.get("/healthz").status_code == 200
    assert httpx2.get(server.address + "/readyz").status_code == 200
