"""The CRS of a source: what the file states, else what the caller says, else what the format's standard says."""

from __future__ import annotations

import pyproj

from pipelines.readers.reader import Options
from twin import space
from twin.errors import UnknownCRS


def crs_of(
    name: str, stated: pyproj.CRS | None, options: Options, *, standard: str | None = None
) -> tuple[pyproj.CRS, tuple[str, ...]]:
    """The CRS, and a note where the caller's was not used.

    Args:
        name: the file's, for the message.
        standard: the CRS that the format's specification gives where a file states none.

    Raises:
        UnknownCRS: nobody says; tells how to name one.
    """
    said = space.crs(options.crs) if options.crs else None
    if stated is not None:
        if said is None or said.equals(stated, ignore_axis_order=True):
            return stated, ()
        return stated, (f"the file states {stated.name}; --crs {options.crs} was not used",)
    if said is not None:
        return said, ()
    if standard is not None:
        return space.crs(standard), ()
    raise UnknownCRS(f"{name} does not say which CRS it is in; name it, for example --crs EPSG:4548")
