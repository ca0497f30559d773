"""PostgreSQL's SQL, with PostGIS.

Text columns have the collation "C" and the database the encoding UTF8, so text compares by code point.
A row's hash is the MD5 of a text that tells its columns, their lengths and their values apart: it is the
same in every process and every release, which PostgreSQL's own hash functions do not promise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from twin.dialects import Dialect, Word


def mixed(parts: Sequence[str]) -> str:
    """One hash of several shares, in their order."""
    return f"md5({' || '.join(parts) or repr('')})::uuid"


def _part(text: str) -> str:
    """An attribute's share: its name, the length of its value, its value; nothing where it is missing."""
    return f"CASE WHEN {{value}} IS NULL THEN '' ELSE {{name}} || length({text}) || ':' || {text} END"


PLAIN: Final = _part("({value})::text")
PARTS: Final[dict[Word, str]] = {
    "text": PLAIN,
    "moment": PLAIN,
    "date": PLAIN,
    "bigint": PLAIN,
    "boolean": PLAIN,
    # Adding zero makes -0 and 0 one, as `=` has it.
    "double": _part("({value} + 0::float8)::text"),
}
POSTGIS: Final = Dialect(
    name="postgis",
    types={
        "text": 'text COLLATE "C"',
        "moment": "timestamptz",
        "date": "date",
        "bigint": "bigint",
        "real": "real",
        "double": "double precision",
        "boolean": "boolean",
        "bytes": "bytea",
        # Without a type modifier, which would refuse either z or its absence; every value says 4326.
        "geometry": "geometry",
        "hash": "uuid",
        "key": "bigint",
    },
    among="{} = ANY({})",
    rowid="ctid",
    rowid_type="tid",
    rowid_out="ctid::text",
    rowid_in="{}::tid",
    first="(array_agg({value} ORDER BY {by}))[1]",
    quotient="/",
    microseconds="(extract(epoch FROM {}) * 1000000)::bigint",
    geometry_in="ST_GeomFromWKB({}, 4326)",
    geometry_out="ST_AsEWKB(ST_SetSRID({}, 0))",
    geometry_part="coalesce(md5(ST_AsEWKB({value})), '')",
    body_part="CASE WHEN {value} IS NULL THEN '' ELSE {name} || md5({value}) END",
    attribute_parts=PARTS,
    mixed=mixed,
    indices=(
        "CREATE INDEX {table}_id ON {table} (id)",
        "CREATE INDEX {table}_hkey ON {table} (hkey)",
        "CREATE INDEX {table}_geom ON {table} USING gist (geom)",
        "ANALYZE {table}",  # the planner knows a new layer before its first question
    ),
    naive=False,
    box_literal=True,
)
