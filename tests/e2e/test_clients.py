"""Strangers' clients, unmodified, on the real server."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import geopandas
import morecantile
import pyproj
import pytest
import shapely
from plots import plots
from servers import Server, start, stop
from shapely import box

REQUIRED = os.environ.get("TWIN_TEST_REQUIRE", "").split(",")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return plots(tmp_path_factory.mktemp("clients") / "plots.geojson")


@pytest.fixture(scope="module")
def truth(source: Path) -> geopandas.GeoDataFrame:
    return geopandas.read_file(source).set_index("id")


@pytest.fixture(scope="module")
def served(source: Path) -> Iterator[Server]:
    server = start(source.parent / "home")
    server.twin("ingest", str(source), "--layer", "plots", "--kind", "features")
    yield server
    stop(server)


def gdal(program: str, *arguments: str) -> tuple[str, list[str]]:
    """What a program of GDAL prints, and the addresses that it asked for."""
    found = shutil.which(program)
    if found is None:
        if "gdal" in REQUIRED:
            pytest.fail(f"TWIN_TEST_REQUIRE names gdal, and {program} is not installed (apt: gdal-bin)")
        pytest.skip(f"{program} is not installed (apt: gdal-bin)")
    # A stranger's GDAL is set up by nobody; ours shuts the network's drivers and the log in this process.
    ours = ("CPL_", "OGR_", "GDAL_")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(ours)} | {"CPL_DEBUG": "ON"}
    done = subprocess.run(
        [found, *arguments], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ERROR" not in done.stderr, done.stderr
    return done.stdout, re.findall(r"Fetch\((.*)\)", done.stderr)


def features(server: Server, folder: Path, *arguments: str) -> tuple[geopandas.GeoDataFrame, list[str]]:
    """A collection as ogr2ogr copies it, by id, and the addresses that it asked for."""
    out = folder / "out.geojson"
    page = ("-oo", "PAGE_SIZE=1000")
    address = f"OAPIF:{server.address}/ogc/collections/plots"
    _, asked = gdal("ogr2ogr", "-f", "GeoJSON", str(out), *arguments, *page, address)
    return geopandas.read_file(out).set_index("id"), asked


def test_gdal_lists_the_collections(served: Server) -> None:
    assert "plots" in gdal("ogrinfo", "-ro", "-so", f"OAPIF:{served.address}/ogc")[0]


def test_gdal_reads_every_feature_page_by_page(
    served: Server, truth: geopandas.GeoDataFrame, tmp_path: Path
) -> None:
    found, asked = features(served, tmp_path)
    assert sorted(found.index) == sorted(truth.index)
    assert sum("page=" in address for address in asked) >= 2
    for column in ("name", "height", "floors", "use", "built"):
        assert (found[column] == truth[column].reindex(found.index)).all(), column
    assert found.geometry.geom_equals_exact(truth.geometry.reindex(found.index), 1e-9).all()


def test_gdal_filters_by_place(served: Server, truth: geopandas.GeoDataFrame, tmp_path: Path) -> None:
    window = (118.3101, 38.3, 118.3141, 38.3021)
    found, asked = features(served, tmp_path, "-spat", *map(str, window))
    assert set(found.index) == set(truth.index[truth.intersects(box(*window))])
    assert any("bbox=118.31" in address for address in asked)


WHERE: dict[str, Callable[[geopandas.GeoDataFrame], object]] = {
    "height > 3440": lambda t: t.height > 3440,
    "name = '地块<7>&'": lambda t: t["name"] == "地块<7>&",
    "use = '商业' AND floors = 3": lambda t: (t["use"] == "商业") & (t.floors == 3),
    "floors = 3 OR NOT (height < 3000)": lambda t: (t.floors == 3) | (t.height >= 3000),
    "built >= '2018/03/01' AND floors = 2": lambda t: (t.built >= "2018-03-01") & (t.floors == 2),
    "name ILIKE '%块<77%'": lambda t: t["name"].str.contains("块<77"),
    "height BETWEEN 30 AND 60": lambda t: t.height.between(30, 60),
}


@pytest.mark.parametrize("where", WHERE)
def test_gdal_has_the_server_filter(
    where: str, served: Server, truth: geopandas.GeoDataFrame, tmp_path: Path
) -> None:
    found, asked = features(served, tmp_path, "-where", where)
    wanted = truth[WHERE[where](truth)]
    assert 0 < len(wanted) == len(found)
    assert set(found.index) == set(wanted.index)
    assert any("filter=" in address and "filter-lang=cql-text" in address for address in asked)
    assert not any("datetime=" in address for address in asked)


def test_gdal_reads_our_vector_tiles(served: Server, truth: geopandas.GeoDataFrame, tmp_path: Path) -> None:
    """The ids of a tile are those whose plots meet it, or its buffer."""
    z, x, y = 15, 27153, 12602
    out = tmp_path / "tile.geojson"
    address = f"MVT:{served.address}/tiles/plots/{z}/{x}/{y}.mvt"
    gdal("ogr2ogr", "-f", "GeoJSON", "-t_srs", "EPSG:4326", str(out), address)
    found = set(geopandas.read_file(out)["id"])
    tile = morecantile.tms.get("WebMercatorQuad").bounds(x, y, z)
    inside = set(truth.index[truth.within(box(*tile))])
    assert len(inside) > 50
    assert inside <= found
    wide = (tile[2] - tile[0]) / 8
    assert found <= set(truth.index[truth.intersects(box(*tile).buffer(wide))])


def test_owslib_reads_collections_items_and_queryables(served: Server) -> None:
    from owslib.ogcapi.features import Features

    client = Features(f"{served.address}/ogc")
    assert "plots" in client.feature_collections()
    found = client.collection_items("plots", bbox=[118.3101, 38.3, 118.3141, 38.3001], limit=3)
    assert (found["numberMatched"], found["numberReturned"]) == (5, 3)
    assert client.collection_queryables("plots")["properties"]["height"]["type"] == "number"
    assert client.collection_item("plots", "P00007")["properties"]["name"] == "地块<7>&"


def test_owslib_filters_and_pages(served: Server, truth: geopandas.GeoDataFrame) -> None:
    from owslib.ogcapi.features import Features

    client = Features(f"{served.address}/ogc")
    said = "height > 300 AND use = '商业'"
    wanted = list(truth.index[(truth["height"] > 300) & (truth["use"] == "商业")])
    seen: list[str] = []
    while len(seen) < len(wanted):
        page = client.collection_items("plots", filter=said, limit=250, offset=len(seen))
        assert page["numberMatched"] == len(wanted)
        assert page["numberReturned"] > 0
        seen += [feature["id"] for feature in page["features"]]
    assert seen == wanted


def test_owslib_refuses_what_the_server_refuses(served: Server) -> None:
    from owslib.ogcapi.features import Features

    with pytest.raises(RuntimeError, match="no property"):
        Features(f"{served.address}/ogc").collection_items("plots", filter="hight > 3")


def test_owslib_reads_the_processes(served: Server) -> None:
    from owslib.ogcapi.processes import Processes

    client = Processes(f"{served.address}/ogc")
    assert "impact" in [p["id"] for p in client.processes()]


@pytest.mark.parametrize("form", ["json", "fgb", "parquet"])
def test_geopandas_reads_items(
    form: str, served: Server, truth: geopandas.GeoDataFrame, tmp_path: Path
) -> None:
    address = f"/ogc/collections/plots/items?limit=5000&f={form}"
    if form == "parquet":
        saved = tmp_path / "items.parquet"
        saved.write_bytes(served.get(address).content)
        found = geopandas.read_parquet(saved).set_index("id")
    else:
        found = geopandas.read_file(served.address + address).set_index("id")
    assert sorted(found.index) == sorted(truth.index)
    assert (found["height"] == truth["height"].reindex(found.index)).all()
    wanted = truth.geometry.reindex(found.index)  # the formats name CRS84, GeoJSON's reader EPSG:4326
    assert shapely.equals_exact(found.geometry.values, wanted.values, 1e-9).all()


def test_the_axes_of_4490_are_latitude_first_and_gdal_knows(served: Server) -> None:
    """Content-Crs says EPSG:4490, whose first axis is the latitude; PROJ's database is asked, not memory."""
    crs = "http://www.opengis.net/def/crs/EPSG/0/4490"
    assert pyproj.CRS("EPSG:4490").axis_info[0].direction == "north"
    answer = served.get("/ogc/collections/plots/items/P00000", params={"crs": crs})
    assert answer.headers["Content-Crs"] == f"<{crs}>"
    first, second = answer.json()["geometry"]["coordinates"][0][0][:2]
    assert (round(first, 6), round(second, 6)) == (38.3, 118.3)


def test_every_link_of_the_landing_page_leads_somewhere(served: Server) -> None:
    for link in served.json("/ogc")["links"]:
        assert served.get(link["href"].removeprefix(served.address)).status_code == 200, link
