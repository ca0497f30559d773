"""What is implemented, by server and by collection: a class stands here when its tests pass, not before."""

from __future__ import annotations

from api.ogc import filters, tiles
from twin.model import LayerState

SPEC = "http://www.opengis.net/spec"
COMMON = (
    f"{SPEC}/ogcapi-common-1/1.0/conf/core",
    f"{SPEC}/ogcapi-common-1/1.0/conf/landing-page",
    f"{SPEC}/ogcapi-common-1/1.0/conf/json",
    f"{SPEC}/ogcapi-common-1/1.0/conf/html",
    f"{SPEC}/ogcapi-common-2/1.0/conf/collections",
)
SCHEMAS = (
    "schemas", "advanced-property-roles", "returnables-and-receivables", "queryables", "sortables",
)  # fmt: skip
"""Features Part 5 was published as Common Part 3 (23-058r2); its drafts had other addresses, which clients know."""
DRAFTED = {"advanced-property-roles": "core-roles-features"}
READ = (
    f"{SPEC}/ogcapi-features-1/1.0/conf/core",
    f"{SPEC}/ogcapi-features-1/1.0/conf/geojson",
    f"{SPEC}/ogcapi-features-1/1.0/conf/html",
    f"{SPEC}/ogcapi-features-2/1.0/conf/crs",
    f"{SPEC}/ogcapi-features-3/1.0/conf/queryables",
    f"{SPEC}/ogcapi-features-3/1.0/conf/queryables-query-parameters",
    *filters.CONFORMANCE,
    *(f"{SPEC}/ogcapi-common-3/1.0/conf/{name}" for name in SCHEMAS),
    *(f"{SPEC}/ogcapi-features-5/1.0/conf/{DRAFTED.get(name, name)}" for name in SCHEMAS),
)
WRITE = (
    f"{SPEC}/ogcapi-features-4/1.0/conf/create-replace-delete",
    f"{SPEC}/ogcapi-features-4/1.0/conf/update",
    f"{SPEC}/ogcapi-features-4/1.0/conf/features",
    f"{SPEC}/ogcapi-features-4/1.0/conf/optimistic-locking-etags",
)
PROCESSES = (
    f"{SPEC}/ogcapi-processes-1/1.0/conf/core",
    f"{SPEC}/ogcapi-processes-1/1.0/conf/ogc-process-description",
    f"{SPEC}/ogcapi-processes-1/1.0/conf/json",
)
SERVER = [*COMMON, *READ, *WRITE, *tiles.CONFORMANCE, *PROCESSES]
"""Of the whole server."""


def editable(state: LayerState) -> bool:
    """Whether features can be posted, replaced, patched and deleted; rasters come from files."""
    return state.layer.geometry != "Raster"


def of_layer(state: LayerState) -> list[str]:
    """The classes of one collection."""
    return [*READ, *(WRITE if editable(state) else ())]
