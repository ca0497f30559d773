"""Writing the county's files: the same bytes each time for the same content."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyogrio
import rasterio
import shapely
from rasterio.transform import from_origin

from data_samples import place

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

DRIVERS = {".gpkg": "GPKG", ".fgb": "FlatGeobuf", ".shp": "ESRI Shapefile"}
MOVE = np.array([place.EAST, place.NORTH])


@contextmanager
def _fixed_clock() -> Iterator[None]:
    """GeoPackage writes the moment of writing into itself; two runs must not differ by it."""
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": "2025-07-01T00:00:00.000Z"})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})


def moved(shapes: NDArray[np.object_]) -> NDArray[np.object_]:
    """Local shapes in EPSG:4548, to the centimetre (z is kept); areas stay valid."""

    def shift(at: NDArray[np.float64]) -> NDArray[np.float64]:
        at = at.copy()
        at[:, :2] = np.round(at[:, :2] + MOVE, 2)
        return at

    whole = shapely.transform(shapes, shift, include_z=bool(shapely.has_z(shapes).any()))
    # Rounding each corner by itself can make a long thin area cross itself; snapping it as a whole cannot.
    broken = ~shapely.is_valid(whole)
    exact = shapely.transform(shapes[broken], lambda at: at + MOVE)
    whole[broken] = shapely.set_precision(exact, 0.01)
    return np.asarray(whole, dtype=object)


def blanked(values: NDArray[Any], where: NDArray[np.bool_]) -> NDArray[np.object_]:
    """The values with None (a null in the file) where the mask is true."""
    filled = values.astype(object)
    filled[where] = None
    return filled


def many(areas: NDArray[np.object_]) -> NDArray[np.object_]:
    """The areas as multipolygons, whatever they were, so that a file has one type of geometry."""
    parts, owner = shapely.get_parts(areas, return_index=True)
    return np.asarray(shapely.multipolygons(parts, indices=owner), dtype=object)


def table(shapes: NDArray[np.object_], columns: Mapping[str, Any]) -> pa.Table:
    """Local shapes and their columns as an Arrow table with WKB in EPSG:4548."""
    arrays = {name: pa.array(values, from_pandas=True) for name, values in columns.items()}
    return pa.table(
        {**arrays, "geometry": pa.array(shapely.to_wkb(moved(shapes), flavor="iso"), type=pa.binary())}
    )


def vector(path: Path, shapes: NDArray[np.object_], columns: Mapping[str, Any], *, geometry: str) -> None:
    """Write local shapes with columns to a vector file in EPSG:4548; the suffix names the format."""
    batch = table(shapes, columns)
    options = {"SPATIAL_INDEX": "NO"} if path.suffix in {".gpkg", ".fgb"} else {"ENCODING": "UTF-8"}
    with _fixed_clock():
        pyogrio.write_arrow(
            batch,
            path,
            layer=path.stem,
            driver=DRIVERS[path.suffix],
            geometry_name="geometry",
            geometry_type=geometry,
            crs=place.CRS,
            layer_options=options,
        )


def raster(path: Path, bands: NDArray[Any], *, cell: float, photo: bool = False) -> None:
    """Write (bands, rows, columns) to a tiled GeoTIFF in EPSG:4548; `photo` is compressed as JPEG."""
    count, rows, columns = bands.shape
    packing: dict[str, Any] = {"compress": "deflate", "predictor": 3, "zlevel": 6, "num_threads": 2}
    if photo:
        packing = {"compress": "jpeg", "jpeg_quality": 78, "photometric": "ycbcr", "interleave": "pixel"}
    profile = {
        "driver": "GTiff",
        "width": columns,
        "height": rows,
        "count": count,
        "dtype": bands.dtype,
        "crs": place.CRS,
    }
    transform = from_origin(place.EAST, place.NORTH + place.HEIGHT, cell, cell)
    with rasterio.open(
        path, "w", **profile, transform=transform, tiled=True, blockxsize=256, blockysize=256, **packing
    ) as out:
        out.write(bands)


def lonlat(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 2) longitude and latitude, degrees CGCS2000, of local positions; 7 decimals, a centimetre."""
    from pyproj import Transformer

    east, north = (points + MOVE).T
    return np.round(
        np.column_stack(Transformer.from_crs(place.CRS, "EPSG:4490", always_xy=True).transform(east, north)),
        7,
    )
