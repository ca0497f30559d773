"""Rasters go in as they are, and what only looks like a raster stays out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine

from pipelines.readers.raster import READER
from pipelines.readers.reader import Options, Part
from twin import errors

PLACE = Affine(5, 0, 500_000, 0, -5, 4_240_000)


def write(
    path: Path, cells: np.ndarray, *, crs: str | None = "EPSG:4548", transform: Affine = PLACE, **more: Any
) -> Path:
    bands = cells[None] if cells.ndim == 2 else cells
    profile = {"driver": "GTiff", "width": bands.shape[2], "height": bands.shape[1], "count": bands.shape[0]}
    with rasterio.open(path, "w", **profile, dtype=bands.dtype, crs=crs, transform=transform, **more) as file:
        file.write(bands)
    return path


def slope(rows: int = 40, columns: int = 60) -> np.ndarray:
    return (np.arange(rows)[:, None] + 0.25 * np.arange(columns)[None, :]).astype(np.float32)


def read(*paths: Path, **options: Any) -> Part:
    (part,) = READER.read(paths, Options(**options))
    return part


def rows(part: Part) -> list[dict]:
    return [row for batch in part.batches for row in batch.table.to_pylist()]


def stored(part: Part) -> np.ndarray:
    (path,) = part.assets.values()
    with rasterio.open(path) as file:
        return file.read()


def test_a_dem_is_terrain_and_its_cells_are_kept_to_the_bit(tmp_path: Path) -> None:
    part = read(write(tmp_path / "dem.tif", slope()))
    assert part.kind == "terrain"
    (row,) = rows(part)
    assert (row["id"], row["width"], row["height"], row["resolution"]) == ("dem", 60, 40, 5.0)
    assert (row["minimum"], row["maximum"], row["missing"]) == (0.0, 53.75, 0)
    np.testing.assert_array_equal(stored(part)[0], slope())


def test_the_stored_raster_is_a_cog_with_overviews_named_by_its_content(tmp_path: Path) -> None:
    import hashlib

    part = read(write(tmp_path / "dem.tif", np.zeros((2000, 2000), np.float32)))
    ((name, path),) = part.assets.items()
    assert name == f"{hashlib.sha256(path.read_bytes()).hexdigest()}.tif"
    with rasterio.open(path) as file:
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert file.overviews(1) == [2, 4]


def test_the_footprint_lies_where_the_cells_lie(tmp_path: Path) -> None:
    (row,) = rows(read(write(tmp_path / "dem.tif", slope())))
    assert shapely.from_wkb(row["geom"]).bounds == (500_000, 4_240_000 - 200, 500_300, 4_240_000)


def test_a_picture_is_imagery(tmp_path: Path) -> None:
    cells = np.full((3, 20, 20), 99, np.uint8)
    part = read(write(tmp_path / "ortho.tif", cells))
    assert part.kind == "imagery"
    out = stored(part)
    assert out.shape == (4, 20, 20)
    assert (out[:3] == 99).all()
    assert (out[3] == 255).all()


def test_one_band_of_bytes_could_be_either_so_nobody_guesses(tmp_path: Path) -> None:
    assert read(write(tmp_path / "grey.tif", np.ones((9, 9), np.uint8))).kind is None


def test_heights_and_pictures_in_one_call_are_refused(tmp_path: Path) -> None:
    dem, ortho = write(tmp_path / "a.tif", slope()), write(tmp_path / "b.tif", np.ones((3, 9, 9), np.uint8))
    with pytest.raises(errors.InvalidParameter, match="two calls"):
        read(dem, ortho)


def test_several_rasters_make_one_layer(tmp_path: Path) -> None:
    west = write(tmp_path / "west.tif", slope())
    east = write(tmp_path / "east.tif", slope(), transform=Affine(5, 0, 500_300, 0, -5, 4_240_000))
    part = read(west, east)
    assert [r["id"] for r in rows(part)] == ["west", "east"]
    assert part.rows == len(part.assets) == 2


def test_no_data_is_counted_and_becomes_nan(tmp_path: Path) -> None:
    cells = slope().astype(np.int16)
    cells[:2, :5] = -32768
    part = read(write(tmp_path / "dem.tif", cells, nodata=-32768))
    assert rows(part)[0]["missing"] == 10
    assert np.isnan(stored(part)[0, :2, :5]).all()
    assert "10 of 2,400 cells are without data" in part.notes[0]


def test_nan_is_no_data_whether_declared_or_not(tmp_path: Path) -> None:
    cells = slope()
    cells[3, 4] = np.nan
    for name, more in (("declared.tif", {"nodata": np.nan}), ("silent.tif", {})):
        (row,) = rows(read(write(tmp_path / name, cells, **more)))
        assert (row["missing"], row["minimum"], row["maximum"]) == (1, 0.0, 53.75)


def test_an_undeclared_mark_is_pointed_out_and_can_be_named(tmp_path: Path) -> None:
    cells = slope()
    cells[0, 0] = -9999
    path = write(tmp_path / "dem.tif", cells)
    assert any("--nodata height=-9999" in note for note in read(path).notes)
    assert rows(read(path, nodata={"height": "-9999"}))[0]["missing"] == 1


def test_heights_that_the_earth_does_not_have_are_no_data_and_said(tmp_path: Path) -> None:
    cells = slope()
    cells[0, :3] = 3.4e38
    part = read(write(tmp_path / "dem.tif", cells))
    assert rows(part)[0]["maximum"] == 53.75
    assert any("3 of them were below" in note for note in part.notes)


def test_a_raster_without_a_crs_is_refused_until_one_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "dem.tif", slope(), crs=None)
    with pytest.raises(errors.UnknownCRS, match="--crs"):
        read(path)
    assert rows(read(path, crs="EPSG:4548"))[0]["source_crs"] == "EPSG:4548"


def test_a_raster_without_a_place_is_refused(tmp_path: Path) -> None:
    with pytest.warns(rasterio.errors.NotGeoreferencedWarning):
        path = write(tmp_path / "dem.tif", slope(), transform=Affine.identity())
    with pytest.raises(errors.MissingPart, match="where it lies"):
        read(path)


def test_a_rotated_grid_keeps_its_cells_and_its_turned_footprint(tmp_path: Path) -> None:
    turned = Affine.translation(500_000, 4_240_000) @ Affine.rotation(30) @ Affine.scale(5, -5)
    part = read(write(tmp_path / "dem.tif", slope(), transform=turned))
    np.testing.assert_array_equal(stored(part)[0], slope())
    outline = shapely.from_wkb(rows(part)[0]["geom"])
    assert outline.area == pytest.approx(300 * 200)
    assert outline.bounds[2] - outline.bounds[0] > 300


def test_feet_become_metres(tmp_path: Path) -> None:
    path = write(tmp_path / "dem.tif", slope())
    with rasterio.open(path, "r+") as file:
        file.units = ("ft",)
    part = read(path)
    assert rows(part)[0]["maximum"] == pytest.approx(53.75 * 0.3048, abs=1e-3)


@pytest.mark.parametrize(
    "text",
    [
        (
            '<VRTDataset rasterXSize="1" rasterYSize="1"><VRTRasterBand dataType="Byte" band="1"><SimpleSource>'
            "<SourceFilename>/etc/passwd</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>"
        ),
        '<GDAL_WMS><Service name="TMS"><ServerUrl>http://127.0.0.1:9/${z}/${x}/${y}</ServerUrl></Service></GDAL_WMS>',
    ],
    ids=["F25 VRT", "F26 WMS"],
)
def test_xml_in_a_tiff_s_clothes_never_reaches_gdal(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.tif"
    path.write_text(text)
    with pytest.raises(errors.UnsafeContent):
        read(path)


def test_a_sparse_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    """F41."""
    path = tmp_path / "s.tif"
    size = {"width": 200_000, "height": 200_000, "count": 1, "dtype": "uint8"}
    rasterio.open(
        path, "w", driver="GTiff", tiled=True, sparse_ok=True, crs="EPSG:3857", transform=PLACE, **size
    ).close()
    with pytest.raises(errors.TooLarge, match="40,000,000,000 cells"):
        read(path, kind="terrain")


def test_a_truncated_tiff_is_refused(tmp_path: Path) -> None:
    """F42."""
    whole = write(tmp_path / "whole.tif", np.random.default_rng(1).random((400, 400)).astype(np.float32))
    path = tmp_path / "cut.tif"
    path.write_bytes(whole.read_bytes()[:3000])
    with pytest.raises(errors.UnreadableFile):
        read(path)


@pytest.mark.parametrize("length", [100, 400, 1000, 3000])
def test_a_tiff_cut_within_its_tags_is_broken_and_does_not_lack_a_place(tmp_path: Path, length: int) -> None:
    """F42: a strip a row makes a directory longer than what is left, so the tags that say where are lost."""
    path = tmp_path / "cut.tif"
    profile = {"width": 40, "height": 4000, "count": 1, "dtype": "float32", "blockysize": 1}
    with rasterio.open(path, "w", driver="GTiff", crs="EPSG:4548", transform=PLACE, **profile) as file:
        file.write(np.ones((1, 4000, 40), np.float32))
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(errors.UnreadableFile, match=r"cut\.tif begins as a TIFF does, but what follows"):
        read(path)


def test_an_endless_directory_is_refused(tmp_path: Path) -> None:
    """F42: the first directory says that the next one is itself."""
    path = tmp_path / "l.tif"
    path.write_bytes(b"II*\0\x08\0\0\0" + b"\x01\0" + b"\0\x01\x04\0\x01\0\0\0\x01\0\0\0" + b"\x08\0\0\0")
    with pytest.raises(errors.UnreadableFile, match=r"l\.tif begins as a TIFF does, but .*StripOffsets"):
        read(path)


def test_a_raster_without_any_value_is_refused(tmp_path: Path) -> None:
    with pytest.raises(errors.UnreadableFile, match="no cell with data"):
        read(write(tmp_path / "dem.tif", np.full((9, 9), np.nan, np.float32)))


def hgt(path: Path, side: int = 1201) -> Path:
    cells = np.zeros((side, side), ">i2")
    cells[0, 0], cells[-1, 0], cells[5, 5] = 100, 7, -32768
    path.write_bytes(cells.tobytes())
    return path


def test_an_hgt_takes_its_place_from_its_name(tmp_path: Path) -> None:
    part = read(hgt(tmp_path / "S03W072.hgt"))
    assert (part.kind, part.vertical) == ("terrain", "EPSG:5773")
    assert rows(part)[0]["missing"] == 1
    (path,) = part.assets.values()
    with rasterio.open(path) as file:
        # The first cell is centred on the north-west corner of the degree.
        (value,) = file.sample([(-72, -2)])
        assert value[0] == 100
        (value,) = file.sample([(-72, -3)])
        assert value[0] == 7


def test_an_hgt_of_the_wrong_size_or_name_is_refused(tmp_path: Path) -> None:
    short = hgt(tmp_path / "N00E010.hgt")
    short.write_bytes(short.read_bytes()[:-2])
    with pytest.raises(errors.UnreadableFile, match="2,884,802"):
        read(short)
    with pytest.raises(errors.UnknownCRS, match="name"):
        read(hgt(tmp_path / "hill.hgt"))


def test_the_same_file_twice_has_the_same_content_name(tmp_path: Path) -> None:
    path = write(tmp_path / "dem.tif", slope())
    assert list(read(path).assets) == list(read(path).assets)


UNPLACED = "ignore::rasterio.errors.NotGeoreferencedWarning"
WORLD = "5\n0\n0\n-5\n500002.5\n4239997.5\n"


@pytest.mark.filterwarnings(UNPLACED)
@pytest.mark.parametrize(
    ("name", "driver", "world"),
    [
        ("a.tif", "GTiff", "a.tfw"),
        ("a.tif", "GTiff", "a.wld"),
        ("a.tif", "GTiff", "a.tifw"),
        ("a.png", "PNG", "a.pgw"),
        ("a.png", "PNG", "a.wld"),
        ("a.jpg", "JPEG", "a.jgw"),
        ("a.JPEG", "JPEG", "a.jpegw"),
    ],
)
def test_a_world_file_places_a_picture_and_the_crs_must_be_named(
    tmp_path: Path, name: str, driver: str, world: str
) -> None:
    bands = np.arange(3 * 40 * 60, dtype=np.uint8).reshape(3, 40, 60)
    with rasterio.open(
        tmp_path / name, "w", driver=driver, width=60, height=40, count=3, dtype="uint8"
    ) as file:
        file.write(bands)
    for beside in tmp_path.glob("*.xml"):
        beside.unlink()
    with pytest.raises(errors.MissingPart, match="world file"):
        read(tmp_path / name, crs="EPSG:4548")
    (tmp_path / world).write_text(WORLD)
    with pytest.raises(errors.UnknownCRS):
        read(tmp_path / name)
    part = read(tmp_path / name, crs="EPSG:4548")
    assert part.kind == "imagery"
    with rasterio.open(next(iter(part.assets.values()))) as file:
        assert file.transform == PLACE
        if driver != "JPEG":
            assert (file.read()[:3] == bands).all()


def test_a_picture_without_a_world_file_is_no_source_in_an_archive(tmp_path: Path) -> None:
    (tmp_path / "texture.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert not READER.claims(tmp_path / "texture.png")
    (tmp_path / "texture.pgw").write_text(WORLD)
    assert READER.claims(tmp_path / "texture.png")


@pytest.mark.parametrize("raw", [b"", b"hello", b"\x89PNG\r\n\x1a\n", b"<VRTDataset/>"])
def test_what_is_called_a_picture_and_is_none_is_refused(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "a.png").write_bytes(raw)
    (tmp_path / "a.pgw").write_text(WORLD)
    with pytest.raises((errors.UnreadableFile, errors.UnsafeContent)):
        read(tmp_path / "a.png", crs="EPSG:4548")


def test_a_picture_of_absurd_size_is_refused_by_its_header(tmp_path: Path) -> None:
    """F44."""
    import struct
    import zlib

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 50_000, 50_000, 8, 0, 0, 0, 0))
    end = chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + head + end)
    (tmp_path / "a.pgw").write_text(WORLD)
    with pytest.raises(errors.TooLarge):
        read(tmp_path / "a.png", crs="EPSG:4548")
