"""The twin's own copy of a raster: a cloud-optimised GeoTIFF named by its content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import NDArray
from rasterio.enums import ColorInterp

from pipelines.readers.pictures.raster_source import Cells, Source
from twin.errors import InvalidParameter, UnreadableFile

LOWEST, HIGHEST = -11_000.0, 9_000.0
"""Heights that the earth has, metres; others are no data."""
MARKS = (-9999.0, -32768.0, -32767.0, 9999.0)
"""Numbers that people use for "nothing here" without saying so."""


@dataclass(frozen=True, kw_only=True)
class Stored:
    """What was written."""

    path: Path
    """`<sha256>.tif`."""
    bands: int
    minimum: float | None
    maximum: float | None
    missing: int
    """Cells without data."""
    notes: tuple[str, ...] = ()


@dataclass
class Tally:
    """Lowest, highest and missing, window by window."""

    lowest: float = np.inf
    highest: float = -np.inf
    missing: int = 0
    absurd: int = 0

    def add(self, values: Cells, known: NDArray[np.bool_]) -> None:
        """Count one window."""
        self.missing += int(np.count_nonzero(~known))
        if known.any():
            self.lowest = min(self.lowest, float(values[known].min()))
            self.highest = max(self.highest, float(values[known].max()))


def store(source: Source, kind: str, folder: Path) -> Stored:
    """Write the raster as a COG in the folder: same CRS, same cells, deflate, overviews.

    Terrain: one band float32 metres, NaN where nothing is known. Imagery: RGBA uint8.
    """
    plain = folder / f"{source.name}.plain.tif"
    tally = _heights(source, plain) if kind == "terrain" else _picture(source, plain)
    if tally.missing == source.width * source.height:
        raise UnreadableFile(f"{source.name} holds no cell with data")
    cog = folder / f"{source.name}.cog.tif"
    average = {"overview_resampling": "AVERAGE", "resampling": "AVERAGE"}
    rasterio.shutil.copy(
        plain,
        cog,
        driver="COG",
        compress="DEFLATE",
        predictor="YES",
        blocksize=512,
        bigtiff="IF_SAFER",
        **average,
    )
    plain.unlink()
    final = cog.rename(folder / f"{_digest(cog)}.tif")
    heights = kind == "terrain"
    return Stored(
        path=final,
        bands=1 if heights else 4,
        minimum=round(tally.lowest, 3) if heights else None,
        maximum=round(tally.highest, 3) if heights else None,
        missing=tally.missing,
        notes=_notes(source, tally) if heights else (),
    )


def _heights(source: Source, path: Path) -> Tally:
    if source.bands != 1:
        raise InvalidParameter(
            f"{source.name} has {source.bands} bands; terrain has one. Is it --kind imagery?"
        )
    if source.dtype.startswith("complex"):
        raise UnreadableFile(f"{source.name} holds complex numbers; terrain is metres")
    tally = Tally()
    with rasterio.open(path, "w", **_profile(source, count=1, dtype="float32"), nodata=np.nan) as file:
        for window, cells, known in source.windows():
            values = cells[0].astype(np.float64) * source.scale + source.offset
            real = known & (values >= LOWEST) & (values <= HIGHEST)
            tally.absurd += int(np.count_nonzero(known & ~real))
            tally.add(values, real)
            file.write(np.where(real, values, np.nan).astype(np.float32), 1, window=window)
    return tally


def _picture(source: Source, path: Path) -> Tally:
    if source.dtype != "uint8" or source.bands not in (1, 3, 4):
        found = f"{source.bands} bands of {source.dtype}"
        raise InvalidParameter(
            f"{source.name} has {found}; imagery has 1 (grey or palette), 3 or 4 bands of uint8"
        )
    tally = Tally()
    with rasterio.open(
        path, "w", **_profile(source, count=4, dtype="uint8"), photometric="RGB", alpha="yes"
    ) as file:
        for window, cells, known in source.windows():
            colours = cells[:3] if source.bands > 1 else np.repeat(cells[:1], 3, axis=0)
            alpha = np.where(known, cells[3] if source.bands == 4 else 255, 0)
            tally.missing += int(np.count_nonzero(~known))
            file.write(np.concatenate([colours, alpha[None]]).astype(np.uint8), window=window)
        file.colorinterp = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha)
    return tally


def _profile(source: Source, *, count: int, dtype: str) -> dict[str, object]:
    return {
        "driver": "GTiff",
        "width": source.width,
        "height": source.height,
        "count": count,
        "dtype": dtype,
        "crs": source.crs.to_wkt(),
        "transform": source.transform,
        "tiled": True,
        "blockxsize": 512,
        "blockysize": 512,
        "bigtiff": "IF_SAFER",
    }


def _notes(source: Source, tally: Tally) -> tuple[str, ...]:
    notes = []
    if tally.missing:
        notes.append(
            f"{source.name}: {tally.missing:,} of {source.width * source.height:,} cells are without data"
        )
    if tally.absurd:
        notes.append(
            f"{source.name}: {tally.absurd:,} of them were below {LOWEST:,.0f} m or above {HIGHEST:,.0f} m"
        )
    if tally.lowest in MARKS or tally.highest in MARKS:
        mark = tally.lowest if tally.lowest in MARKS else tally.highest
        notes.append(f"{source.name}: {mark:.0f} occurs; if it means no data, say --nodata height={mark:.0f}")
    return tuple(notes)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
