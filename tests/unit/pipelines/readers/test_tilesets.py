"""Tilesets that others baked: what goes in untouched, what is refused with its place, what is told."""

from __future__ import annotations

import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from servers import DATA
from tilesets_support import LAT, LON, b3dm, block, box, cube, packed, placing, tile, tileset

from pipelines.bundle import INDEX, opened
from pipelines.readers.reader import Options, Part
from pipelines.readers.tilesets import READER, read
from pipelines.reading import Request, reader_for
from twin.errors import (
    ForbiddenReference,
    InvalidParameter,
    TooLarge,
    TwinError,
    UnreadableFile,
    UnsafeArchive,
)


def taken(path: Path, **options: Any) -> tuple[Part, dict[str, Any]]:
    """The part of a tileset, and its first row."""
    (part,) = read((path,), Options(kind="mesh", **options))
    return part, next(iter(part.batches)).table.to_pylist()[0]


def written(folder: Path, root: dict[str, Any], **more: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "a.glb").write_bytes(cube())
    (folder / "tileset.json").write_text(json.dumps({**tileset(root, "1.1"), **more}))
    return folder


def test_a_folder_goes_in_byte_for_byte_with_its_outline_and_heights(tmp_path: Path) -> None:
    part, row = taken(block(tmp_path / "block"))
    assert (row["id"], row["edition"], row["contents"], row["entry"]) == ("block", "1.0", 2, "tileset.json")
    west, south, east, north = shapely.from_wkb(row["geom"]).bounds
    assert west < LON < east
    assert south < LAT < north
    assert (east - west) * 111_320 * np.cos(np.radians(LAT)) == pytest.approx(20, abs=0.1)
    assert (row["lowest"], row["highest"]) == (pytest.approx(10, abs=0.02), pytest.approx(30, abs=0.02))
    (copy,) = part.assets.values()
    for file in ("tileset.json", "a.b3dm", "数据 1/sub.json", "数据 1/b.glb"):
        assert (copy / file).read_bytes() == (tmp_path / "block" / file).read_bytes()
    assert not [n for n in part.notes if "WARNING" in n]


def test_the_same_content_has_the_same_name_and_another_another(tmp_path: Path) -> None:
    one, other = (taken(block(tmp_path / name))[1]["file"] for name in ("a", "b"))
    assert one == other
    (tmp_path / "b" / "a.b3dm").write_bytes(b3dm(cube(9)))
    assert taken(tmp_path / "b")[1]["file"] != one


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("suffix", [".3tz", ".zip"])
def test_an_archive_is_read_without_unpacking(tmp_path: Path, method: int, suffix: str) -> None:
    folder = block(tmp_path / "block")
    path = packed(folder, tmp_path / f"block{suffix}", method=method, index=suffix == ".3tz")
    part, row = taken(path)
    (copy,) = part.assets.values()
    assert copy.read_bytes() == path.read_bytes()
    bundle = opened(copy)
    for file in (p for p in folder.rglob("*") if p.is_file()):
        name = file.relative_to(folder).as_posix()
        assert bundle.read(name) == file.read_bytes()
        assert bundle.read(name, 7) == file.read_bytes()[:7]
    assert not bundle.has(INDEX)
    assert row["file"].endswith(suffix)


def test_readers_are_found_by_folder_archive_and_name(tmp_path: Path) -> None:
    folder = block(tmp_path / "block")
    packed(folder, tmp_path / "b.3tz")
    packed(folder, tmp_path / "b.zip", index=False)
    (folder / "root.json").write_bytes((folder / "tileset.json").read_bytes())
    for path in (
        folder,
        folder / "tileset.json",
        folder / "root.json",
        tmp_path / "b.3tz",
        tmp_path / "b.zip",
    ):
        assert reader_for(path, Request(paths=(), layer="x")) is READER


def test_a_tileset_named_by_its_file_brings_only_what_it_names(tmp_path: Path) -> None:
    folder = block(tmp_path / "block")
    (folder / "secret.txt").write_text("not a part of it")
    part, _ = taken(folder / "tileset.json")
    (copy,) = part.assets.values()
    assert sorted(p.name for p in copy.rglob("*") if p.is_file()) == [
        "a.b3dm",
        "b.glb",
        "sub.json",
        "tileset.json",
    ]


def test_a_local_frame_stands_where_it_is_told_or_as_a_drawing(tmp_path: Path) -> None:
    folder = written(tmp_path / "local", tile("a.glb"))
    part, row = taken(folder, at=(LON, LAT, 5.0))
    assert shapely.from_wkb(row["geom"]).contains(shapely.Point(LON, LAT))
    assert not part.schematic
    part, row = taken(folder)
    assert part.schematic
    assert any("--at LON,LAT" in note for note in part.notes)


def test_coordinates_of_a_projected_crs_are_refused_with_what_to_do(tmp_path: Path) -> None:
    folder = written(tmp_path / "utm", tile("a.glb", boundingVolume=box(10, (500_000, 4_150_000, 20))))
    with pytest.raises(InvalidParameter, match="--at LON,LAT,HEIGHT"):
        taken(folder)
    with pytest.raises(InvalidParameter, match="leave --at out"):
        taken(block(tmp_path / "placed"), at=(LON, LAT))


@pytest.mark.parametrize(
    ("uri", "error"),
    [
        ("../../etc/passwd", ForbiddenReference),
        ("a/../../x.glb", ForbiddenReference),
        ("%2e%2e/x.glb", ForbiddenReference),
        ("/etc/passwd", ForbiddenReference),
        ("file:///etc/passwd", ForbiddenReference),
        ("https://example.org/x.glb", ForbiddenReference),
        ("//example.org/x.glb", ForbiddenReference),
        ("..\\x.glb", ForbiddenReference),
    ],
)
def test_a_uri_that_leads_out_is_refused_with_its_tile(
    tmp_path: Path, uri: str, error: type[TwinError]
) -> None:
    root = tile("a.glb", transform=placing(), children=[tile(), tile(uri)])
    with pytest.raises(error, match=r"root/1"):
        taken(written(tmp_path / "x", root))


def test_a_picture_from_elsewhere_in_a_glb_is_refused(tmp_path: Path) -> None:
    folder = written(tmp_path / "x", tile("a.gltf", transform=placing()))
    (folder / "a.gltf").write_text(
        json.dumps({"meshes": [], "images": [{"uri": "http://example.org/t.png"}]})
    )
    with pytest.raises(ForbiddenReference, match=r"a\.gltf.*example\.org"):
        taken(folder)


@pytest.mark.parametrize("error", [-1, None, "1", True, float("nan")])
def test_a_geometric_error_that_is_none_is_refused_with_its_tile(tmp_path: Path, error: object) -> None:
    """F47."""
    root = tile("a.glb", transform=placing(), children=[{**tile(), "geometricError": error}])
    with pytest.raises(UnreadableFile, match=r"root/0.*geometricError|no JSON"):
        taken(written(tmp_path / "x", root))


def test_tilesets_in_a_circle_are_refused(tmp_path: Path) -> None:
    """F47."""
    folder = written(tmp_path / "x", tile("b.json", transform=placing()))
    (folder / "b.json").write_text(json.dumps(tileset(tile("c.json"))))
    (folder / "c.json").write_text(json.dumps(tileset(tile("b.json"))))
    with pytest.raises(UnreadableFile, match=r"cycle.*b\.json > c\.json > b\.json"):
        taken(folder)


def test_a_fan_of_tilesets_is_looked_over_once_each(tmp_path: Path) -> None:
    folder = written(tmp_path / "x", tile("t0.json", transform=placing()))
    for n in range(40):
        twice = [tile(f"t{n + 1}.json"), tile(f"t{n + 1}.json")]
        (folder / f"t{n}.json").write_text(json.dumps(tileset(tile(children=twice))))
    (folder / "t40.json").write_text(json.dumps(tileset(tile("a.glb"))))
    assert taken(folder)[1]["contents"] == 1


def test_a_tower_of_tiles_is_refused(tmp_path: Path) -> None:
    root = tile("a.glb")
    for _ in range(200):
        root = tile(children=[root])
    with pytest.raises(TooLarge, match="tiles deep"):
        taken(written(tmp_path / "x", {**root, "transform": placing()}))


def test_links_are_left_out(tmp_path: Path) -> None:
    """T05."""
    folder = block(tmp_path / "block")
    (folder / "a.b3dm").unlink()
    (folder / "a.b3dm").symlink_to("/etc/passwd")
    part, _ = taken(folder)
    (copy,) = part.assets.values()
    assert not (copy / "a.b3dm").exists()
    assert any("1 files that the tileset names are not in it: a.b3dm" in note for note in part.notes)


def test_volumes_that_lie_are_told_with_their_tile(tmp_path: Path) -> None:
    folder = block(tmp_path / "block")
    said = json.loads((folder / "tileset.json").read_text())
    said["root"]["boundingVolume"] = box(3)
    (folder / "tileset.json").write_text(json.dumps(said))
    part, _ = taken(packed(folder, tmp_path / "liar.3tz"))
    (note,) = [n for n in part.notes if "WARNING" in n]
    assert "tileset.json root (a.b3dm) by 7.0 m" in note
    said["root"]["boundingVolume"] = box(5000)
    (folder / "tileset.json").write_text(json.dumps(said))
    part, _ = taken(folder)
    assert any("its contents fill" in n for n in part.notes if "WARNING" in n)


def test_contents_in_tight_volumes_are_not_blamed(tmp_path: Path) -> None:
    for form in (box(10), {"sphere": [0, 0, 0, 17.33]}):
        part, _ = taken(
            written(tmp_path / next(iter(form)), tile("a.glb", boundingVolume=form, transform=placing()))
        )
        assert not [n for n in part.notes if "WARNING" in n]


def test_a_region_says_where_it_is(tmp_path: Path) -> None:
    around = np.radians([LON - 0.001, LAT - 0.001, LON + 0.001, LAT + 0.001]).tolist()
    root = tile("a.glb", boundingVolume={"region": [*around, 0, 40]}, transform=placing())
    part, row = taken(written(tmp_path / "x", root), offset=12.3)
    assert shapely.from_wkb(row["geom"]).bounds == pytest.approx(
        [LON - 0.001, LAT - 0.001, LON + 0.001, LAT + 0.001]
    )
    assert (row["lowest"], row["highest"], row["offset"]) == (12.3, 52.3, 12.3)
    assert not [n for n in part.notes if "WARNING" in n]


def test_a_b3dm_in_double_precision_is_measured_about_its_centre(tmp_path: Path) -> None:
    centre = placing()[12:15]
    root = tile("a.b3dm", boundingVolume=box(18, tuple(centre)))
    folder = written(tmp_path / "x", root)
    (folder / "a.b3dm").write_bytes(b3dm(cube(), centre))
    part, row = taken(folder)
    assert shapely.from_wkb(row["geom"]).contains(shapely.Point(LON, LAT))
    assert not [n for n in part.notes if "WARNING" in n]


def broken(path: Path, change: Any) -> Path:
    path.write_bytes(change(bytearray(path.read_bytes())))
    return path


def test_an_archive_whose_index_names_other_places_is_refused(tmp_path: Path) -> None:
    path = packed(block(tmp_path / "block"), tmp_path / "x.3tz")

    def swap(data: bytearray) -> bytes:
        with zipfile.ZipFile(path) as archive:
            start = archive.getinfo(INDEX).header_offset + 30 + len(INDEX)
        data[start + 16 : start + 24] = struct.pack("<Q", 7)
        return bytes(data)

    with pytest.raises(UnreadableFile, match="names another place"):
        taken(broken(path, swap))


def test_an_archive_without_index_or_cut_off_is_refused(tmp_path: Path) -> None:
    path = packed(block(tmp_path / "block"), tmp_path / "x.3tz", index=False)
    with pytest.raises(UnreadableFile, match="no index"):
        taken(path)
    with pytest.raises(UnreadableFile, match="cut off"):
        taken(broken(path, lambda data: bytes(data[:-30])))


def test_a_bomb_and_an_entry_that_climbs_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("tileset.json", b" " * (40 << 20))
    with pytest.raises(TooLarge, match="times its size"):
        taken(tmp_path / "bomb.zip")
    with zipfile.ZipFile(tmp_path / "climb.zip", "w") as archive:
        archive.writestr("tileset.json", "{}")
        archive.writestr("../x", "x")
    with pytest.raises(UnsafeArchive, match="leads out"):
        taken(tmp_path / "climb.zip")


def test_contents_that_claim_more_than_they_hold_are_refused(tmp_path: Path) -> None:
    folder = block(tmp_path / "block")
    data = bytearray((folder / "a.b3dm").read_bytes())
    data[12:16] = struct.pack("<I", 1 << 30)
    (folder / "a.b3dm").write_bytes(bytes(data))
    with pytest.raises(UnreadableFile, match=r"a\.b3dm"):
        taken(folder)


@pytest.mark.parametrize(
    "root",
    [{}, {"geometricError": 1}, {**tile(), "boundingVolume": {"box": [1]}}, {**tile(), "transform": [1]}],
)
def test_tiles_that_are_none_are_refused(tmp_path: Path, root: dict[str, Any]) -> None:
    with pytest.raises(UnreadableFile, match="root"):
        taken(written(tmp_path / "x", root))


@pytest.mark.skipif(not DATA.exists(), reason="the real files (../shared/data) are not here")
@pytest.mark.parametrize(
    ("name", "contents"),
    [
        ("SparseImplicitQuadtree", 32), ("SparseImplicitOctree", 31), ("MetadataGranularities", 20),
        ("TilesetWithFullMetadata", 0), ("MultipleContents", 2),
    ],
)  # fmt: skip
def test_the_samples_of_the_standard_go_in(name: str, contents: int) -> None:
    folder = DATA / "tiles3d_samples" / name
    part, row = taken(folder)
    assert row["contents"] == contents == len(list(folder.rglob("*.glb")))
    assert not [n for n in part.notes if "not in it" in n or "outside" in n]
