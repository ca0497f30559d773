"""Imagery tiles show the raster's own colours at the right place, and nothing outside of it."""

from __future__ import annotations

from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from PIL import Image
from rasterio.warp import transform

from layers import imagery
from layers.conform import conform
from pipelines import imagery_tiles
from pipelines.bake import Source
from pipelines.ground import Grounds
from pipelines.readers.raster import READER
from pipelines.readers.reader import Options
from twin import errors, tiling
from twin.forest import Forest
from twin.memory.store import MemoryStore
from twin.model import Delivery, Layer, Titles
from twin.place import to_crs84
from twin.policy import Policy

OPEN = Policy.open()
NOW = datetime(2030, 1, 1, tzinfo=UTC)
WHEN = {"at": NOW, "known": NOW, "policy": OPEN}
SHARED = Path(__file__).parents[4] / "shared" / "data" / "terrain"


@pytest.fixture
def source(tmp_path: Path) -> Source:
    store = MemoryStore()
    grounds = Grounds(store, tmp_path)
    return Source(
        store=store, forest=Forest(store), ground=lambda at, known: grounds.at(OPEN, at=at, known=known)
    )


def quarters(path: Path, *, transparent: bool = False) -> Path:
    """Red in the north-west, green in the north-east, blue in the south-west, white in the south-east."""
    cells = np.zeros((4, 400, 400), np.uint8)
    cells[0, :200, :200] = cells[1, :200, 200:] = cells[2, 200:, :200] = 255
    cells[:3, 200:, 200:] = 255
    cells[3] = 255
    if transparent:
        cells[3, 100:300, 100:300] = 0
    profile = {
        "driver": "GTiff",
        "width": 400,
        "height": 400,
        "count": 4,
        "dtype": "uint8",
        "crs": "EPSG:4548",
    }
    with rasterio.open(path, "w", **profile, transform=Affine(2, 0, 615_000, 0, -2, 4_245_000)) as file:
        file.write(cells)
        file.colorinterp = [*file.colorinterp[:3], rasterio.enums.ColorInterp.alpha]
    return path


def ingest(source: Source, home: Path, *paths: Path, layer: str = "ortho") -> None:
    (part,) = READER.read(paths, Options(kind="imagery"))
    for name, path in part.assets.items():
        path.rename(home / name)
    batches = [conform(to_crs84(b, crs=b.crs), imagery.KIND) for b in part.batches]
    what = Layer(id=layer, kind="imagery", title=Titles(en=layer), geometry="Raster")
    source.store.write(what, batches, Delivery(source="test"))


def address_of(
    x: float, y: float, z: int, crs: str = "EPSG:4548"
) -> tuple[tuple[int, int, int], float, float]:
    (lon,), (lat,) = transform(crs, "OGC:CRS84", [x], [y])
    across, down = tiling.inside(np.array([lon]), np.array([lat]), z, 0, 0)
    column, row = int(across[0]), int(down[0])
    return (z, column, row), across[0] - column, down[0] - row


def picture(body: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(body)).convert("RGBA"))


@pytest.mark.parametrize(
    ("x", "y", "wanted"),
    [
        (615_100, 4_244_900, (255, 0, 0)),
        (615_700, 4_244_900, (0, 255, 0)),
        (615_100, 4_244_300, (0, 0, 255)),
        (615_700, 4_244_300, (255, 255, 255)),
    ],
)
@pytest.mark.parametrize("z", [13, 17])
def test_a_place_has_its_colour(
    source: Source, tmp_path: Path, x: float, y: float, wanted: tuple[int, int, int], z: int
) -> None:
    ingest(source, tmp_path, quarters(tmp_path / "a.tif"))
    address, across, down = address_of(x, y, z)
    pixels = picture(imagery_tiles.tile(source, tmp_path, "ortho", address, **WHEN))
    assert pixels.shape == (512, 512, 4)
    assert tuple(pixels[int(down * 512), int(across * 512)]) == (*wanted, 255)


def test_outside_it_is_transparent_and_far_outside_there_are_no_bytes(source: Source, tmp_path: Path) -> None:
    ingest(source, tmp_path, quarters(tmp_path / "a.tif", transparent=True))
    address, across, down = address_of(615_400, 4_244_600, 13)
    pixels = picture(imagery_tiles.tile(source, tmp_path, "ortho", address, **WHEN))
    assert pixels[int(down * 512), int(across * 512), 3] == 0
    assert (pixels[..., 3] == 0).sum() > 0
    assert imagery_tiles.tile(source, tmp_path, "ortho", (13, 0, 0), **WHEN) == b""


def test_the_finer_picture_lies_on_top(source: Source, tmp_path: Path) -> None:
    coarse = np.full((3, 40, 40), 9, np.uint8)
    profile = {"driver": "GTiff", "width": 40, "height": 40, "count": 3, "dtype": "uint8", "crs": "EPSG:4548"}
    with rasterio.open(
        tmp_path / "b.tif", "w", **profile, transform=Affine(50, 0, 614_500, 0, -50, 4_245_500)
    ) as file:
        file.write(coarse)
    ingest(source, tmp_path, quarters(tmp_path / "a.tif"), tmp_path / "b.tif")
    for x, wanted in ((615_100, (255, 0, 0)), (614_700, (9, 9, 9))):
        address, across, down = address_of(x, 4_244_900, 16)
        pixels = picture(imagery_tiles.tile(source, tmp_path, "ortho", address, **WHEN))
        assert tuple(pixels[int(down * 512), int(across * 512), :3]) == wanted


def test_webp_and_another_size_are_to_be_had(source: Source, tmp_path: Path) -> None:
    ingest(source, tmp_path, quarters(tmp_path / "a.tif"))
    address, _, _ = address_of(615_400, 4_244_600, 15)
    body = imagery_tiles.tile(source, tmp_path, "ortho", address, **WHEN, side=256, form="WEBP")
    assert body[8:12] == b"WEBP"
    assert picture(body).shape == (256, 256, 4)


def test_a_tile_s_state_changes_with_the_rasters_in_it_alone(source: Source, tmp_path: Path) -> None:
    ingest(source, tmp_path, quarters(tmp_path / "a.tif"))
    address, _, _ = address_of(615_400, 4_244_600, 15)
    first = [imagery_tiles.etag(source, "ortho", a, **WHEN) for a in (address, (15, 0, 0))]
    ingest(source, tmp_path, quarters(tmp_path / "a.tif", transparent=True))
    second = [imagery_tiles.etag(source, "ortho", a, **WHEN) for a in (address, (15, 0, 0))]
    assert first[0] != second[0]
    assert first[1] == second[1]


def test_a_layer_that_is_no_imagery_has_no_pictures(source: Source, tmp_path: Path) -> None:
    source.store.describe(Layer(id="pipes", kind="networks", title=Titles(en="pipes")))
    with pytest.raises(errors.TileNotFound, match="not imagery"):
        imagery_tiles.tile(source, tmp_path, "pipes", (1, 0, 0), **WHEN)


def test_a_real_cog_lies_in_korea_in_its_own_colours(source: Source, tmp_path: Path) -> None:
    path = SHARED / "rasterio_cogeo.tif"
    if not path.exists():
        pytest.skip("the shared sample files are not beside the project")
    ingest(source, tmp_path, path)
    box = source.store.layer("ortho", OPEN).bbox
    assert box is not None
    assert np.round(box.astuple(), 3).tolist() == [128.655, 37.666, 128.661, 37.671]
    with rasterio.open(path) as file:
        x, y = file.xy(300, 500)
        wanted = file.read(window=((298, 303), (498, 503)))[:3].mean(axis=(1, 2))
    address, across, down = address_of(x, y, 18, "EPSG:3857")
    pixels = picture(imagery_tiles.tile(source, tmp_path, "ortho", address, **WHEN))
    row, column = int(down * 512), int(across * 512)
    got = pixels[max(row - 4, 0) : row + 5, max(column - 4, 0) : column + 5, :3].mean(axis=(0, 1))
    assert np.abs(got - wanted).max() < 12
