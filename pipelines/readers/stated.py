"""The CRS of a source: what the file states, else what the caller says, else what the format's standard says."""

from __future__ import annotations

import pyproj

from pipelines.readers.reader import Options
from twin import space
from twin.errors import UnknownCRS
from twin.own_systems import SHIFTS, OwnSystem


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
    if stated is not None and isinstance(said, OwnSystem):
        return _own(name, stated, said)
    if stated is not None:
        if said is None or said.equals(stated, ignore_axis_order=True):
            return stated, ()
        return stated, (f"the file states {stated.name}; --crs {options.crs} was not used",)
    if said is not None:
        return said, ()
    if standard is not None:
        return space.crs(standard), ()
    raise UnknownCRS(f"{name} does not say which CRS it is in; name it, for example --crs EPSG:4548")


def _own(name: str, stated: pyproj.CRS, said: OwnSystem) -> tuple[pyproj.CRS, tuple[str, ...]]:
    """A system that no file can state, over what the file had to state instead; degrees stay degrees.

    Raises:
        UnknownCRS: GCJ-02 or BD-09 are said of a file whose numbers are metres.
    """
    if said.name in SHIFTS and not stated.is_geographic:
        raise UnknownCRS(
            f"{name} states {stated.name}, whose numbers are no degrees; {said.name} are degrees of longitude and"
            " latitude: leave --crs out, or name what it really is"
        )
    return said, (f"WARNING: {name} states {stated.name}; taken as {said.name} because --crs says so",)
