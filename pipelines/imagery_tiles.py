"""Imagery as map tiles: pixels of the layer's COGs, warped from the overview that fits; transparent outside."""

from __future__ import annotations

from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Literal

import numpy as np
import rasterio
from numpy.typing import NDArray
from PIL import Image
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.transform import from_bounds
from rasterio.vrt import WarpedVRT

from pipelines.bake import Source
from pipelines.ground import rasters
from pipelines.heights import Raster
from twin import gdal, stamps, tiling
from twin.errors import TileNotFound, UnreadableFile
from twin.model import Query
from twin.moments import microseconds
from twin.policy import Policy

REVISION = "i1"
KIND = "imagery"
HALF = 20037508.342789244
"""Half the side of Web Mercator's square, metres."""
Form = Literal["PNG", "WEBP"]


def etag(
    source: Source,
    layer: str,
    address: tuple[int, int, int],
    *,
    at: datetime,
    known: datetime,
    policy: Policy,
) -> str:
    """What names the tile's state: equal as long as no raster in its box changes.

    Raises:
        LayerNotFound: there is no such layer.
        TileNotFound: it is no imagery.
    """
    checked(source, layer, policy)
    view = source.forest.view(layer, microseconds(at), microseconds(known))
    recipe = f"{REVISION}.{policy.key}" if policy.key else REVISION
    return stamps.key(recipe, view.stamp(tiling.bbox(*address)))


def checked(source: Source, layer: str, policy: Policy) -> None:
    """Raises TileNotFound when the layer is no imagery."""
    kind = source.store.layer(layer, policy).layer.kind
    if kind != KIND:
        raise TileNotFound(f"layer {layer!r} is {kind}, not imagery; it has no .png tiles")


def tile(
    source: Source,
    folder: Path,
    layer: str,
    address: tuple[int, int, int],
    *,
    at: datetime,
    known: datetime,
    policy: Policy,
    side: int = 512,
    form: Form = "PNG",
) -> bytes:
    """The picture of an imagery layer at an address (`twin.tiling.address`); no bytes where there is none.

    Args:
        folder: the rasters by content (`Settings.rasters`).
        side: pixels a side.

    Raises:
        LayerNotFound, TileNotFound: as `etag`.
        UnreadableFile: a raster is not there or broken.
    """
    checked(source, layer, policy)
    box = tiling.bbox(*address)
    query = Query(layer=layer, policy=policy, bbox=box, at=at, known=known)
    found = rasters(source.store.read(query), layer, folder)
    # The finest picture ends up on top.
    found.sort(key=lambda r: (-r.resolution, r.id))
    picture = np.zeros((side, side, 4), np.uint8)
    for raster in found:
        _lay(picture, warped(raster, address, side))
    return encoded(picture, form) if picture[..., 3].any() else b""


def bounds(address: tuple[int, int, int]) -> tuple[float, float, float, float]:
    """West, south, east, north of a tile in Web Mercator metres."""
    z, x, y = address
    width = 2 * HALF / (1 << z)
    return x * width - HALF, HALF - (y + 1) * width, (x + 1) * width - HALF, HALF - y * width


def warped(raster: Raster, address: tuple[int, int, int], side: int) -> NDArray[np.uint8]:
    """(side, side, 4) uint8 RGBA of a raster in a tile."""
    try:
        with (
            rasterio.open(gdal.plain(str(raster.path)), driver="GTiff") as file,
            WarpedVRT(
                file,
                crs="EPSG:3857",
                transform=from_bounds(*bounds(address), side, side),
                width=side,
                height=side,
                resampling=Resampling.bilinear,
            ) as picture,
        ):
            return np.moveaxis(picture.read(indexes=(1, 2, 3, 4)), 0, -1)
    except RasterioError as error:
        name = raster.path.name
        raise UnreadableFile(
            f"the raster {name} is not there or broken; restore it or ingest it again"
        ) from error


def _lay(below: NDArray[np.uint8], above: NDArray[np.uint8]) -> None:
    """Lay one picture over another, in place."""
    seen = above[..., 3] > 0
    whole = above[..., 3] == 255
    below[whole] = above[whole]
    rest = seen & ~whole
    if rest.any():
        a, b = above[rest].astype(np.float32), below[rest].astype(np.float32)
        over, under = a[:, 3:] / 255, b[:, 3:] / 255 * (1 - a[:, 3:] / 255)
        total = over + under
        below[rest, :3] = (a[:, :3] * over + b[:, :3] * under) / total
        below[rest, 3] = total[:, 0] * 255


def encoded(picture: NDArray[np.uint8], form: Form) -> bytes:
    """The picture's bytes."""
    image = Image.fromarray(picture)
    out = BytesIO()
    if form == "WEBP":
        image.save(out, "WEBP", quality=85, method=2)
    else:
        opaque = bool((picture[..., 3] == 255).all())
        (image.convert("RGB") if opaque else image).save(out, "PNG", compress_level=3)
    return out.getvalue()
