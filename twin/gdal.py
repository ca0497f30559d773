"""GDAL with its side doors shut, which it reads at its first call; importing `twin` shuts them.

GDAL sniffs content: a `.geojson` that holds a VRT reads any file, a GDALG runs a pipeline, and a dozen
drivers open connections. None of them is a format that a city's files come in.
"""

from __future__ import annotations

import os
from typing import Final

from twin.errors import ForbiddenReference

INDIRECT: Final = (
    "VRT",
    "OGR_VRT",
    "GDALG",
    "DERIVED",
    "GTI",
    "STACIT",
    "STACTA",
    "GNMFile",
    "GNMDatabase",
    "ADBC",
)
"""Drivers whose files name other files or commands."""
NETWORK: Final = (
    "HTTP", "WMS", "WMTS", "WCS", "WFS", "OAPIF", "OGCAPI", "CSW", "EEDA", "EEDAI", "DAAS",
    "PLMOSAIC", "PLSCENES", "Elasticsearch", "Carto", "AmigoCloud", "NGW", "PostgreSQL",
    "PostGISRaster", "MySQL", "MSSQLSpatial", "MongoDBv3", "HANA", "OCI", "ODBC", "GPSBabel",
    "KmlSuperOverlay", "ECRGTOC", "RPFTOC",
)  # fmt: skip
"""Drivers that open connections, run programs, or follow tables of contents."""


def close_doors() -> None:
    """Have GDAL leave those drivers out, read no sibling it is not told of, and never use curl."""
    # A list for every build: names that this one lacks would each print a warning when it starts.
    os.environ.setdefault("CPL_LOG", os.devnull)
    os.environ["GDAL_SKIP"] = ",".join((*INDIRECT, *NETWORK))
    os.environ["CPL_VSIL_CURL_ALLOWED_EXTENSIONS"] = "{none}"
    os.environ["OGR_SQLITE_LOAD_EXTENSIONS"] = "NO"
    os.environ["GML_DOWNLOAD_SCHEMA"] = "NO"
    # Without a schema GDAL would read the code 007 as the number 7; pipelines/readers/features_gml.py decides.
    os.environ["GML_FIELDTYPES"] = "ALWAYS_STRING"


def plain(name: str) -> str:
    """The name, when it can only be a file's.

    Raises:
        ForbiddenReference: it is a URL, a virtual path, or names a driver (`PG:`, `GPKG:` …).
    """
    head, colon, _ = name.partition(":")
    driver = bool(colon) and len(head) > 1 and "/" not in head and "\\" not in head
    if name.startswith("/vsi") or "://" in name or driver:
        raise ForbiddenReference(
            f"{name[:200]!r} is not the name of a file; save it as a file first, then give that"
        )
    return name
