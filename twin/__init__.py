"""The nouns of the twin, space, time, policy and storage.

The Python door:

    import twin
    twin.open("twin-home").layer("pipes").at("2024-05-01").to_geopandas()
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from twin import gdal

if TYPE_CHECKING:
    from twin.door import Twin

# Before anything of ours can import pyogrio or rasterio, which start GDAL.
gdal.close_doors()


def open(home: Path | str) -> Twin:  # noqa: A001  (`twin.open` is what it is called everywhere)
    """The twin of a home folder, read in this process; use it as a context, or close it.

    Raises:
        StoreBusy: a server has it open.
        StoreDown: there is no twin in that folder.
    """
    from twin.door import Twin

    return Twin(Path(home))
