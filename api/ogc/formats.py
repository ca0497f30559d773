"""The formats that items come in: every `FORMAT` of `tiles/`, and pages."""

from __future__ import annotations

from typing import cast

import pyarrow as pa
from fastapi import Request

from api.ogc import crs
from api.ogc.links import HTML
from api.respond import negotiate
from tiles.format import Format
from twin import registry

DEFAULT = "json"


def formats() -> dict[str, Format]:
    """Every format by name, GeoJSON first."""
    found = cast("dict[str, Format]", registry.entries("tiles", "FORMAT"))
    return {DEFAULT: found[DEFAULT], **found}


def asked(request: Request) -> Format | None:
    """The format that a request asks for; None is a page."""
    found = formats()
    name = negotiate(request, {**{n: f.media_type for n, f in found.items()}, "html": HTML})
    return found.get(name)


def in_crs(table: pa.Table, target: crs.Target, form: Format) -> pa.Table:
    """The rows with `geom` in the target CRS, in the CRS's axis order unless the format has its own."""
    return crs.table(table, target, x_first=form.x_first)
