"""How the DuckDB store lays out its tables, and how its catalogue rows read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from twin.dialects import Physical, Tables
from twin.model import OPEN, ColumnType, Layer
from twin.records import dumps, layer_from

TYPES: Final[dict[ColumnType, str]] = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "datetime": "TIMESTAMP",
    "date": "DATE",
    "json": "VARCHAR",
}

ROW: Final = {
    "id": "VARCHAR",
    "source": "VARCHAR",
    "branch": "VARCHAR",
    "dated": "VARCHAR",
    "valid_from": "TIMESTAMP",
    "valid_to": "TIMESTAMP",
    "recorded_from": "TIMESTAMP",
    "recorded_to": "TIMESTAMP",
    "version": "BIGINT",
    "hkey": "UBIGINT",
    "size": "FLOAT",
    "minx": "DOUBLE",
    "miny": "DOUBLE",
    "maxx": "DOUBLE",
    "maxy": "DOUBLE",
    "minz": "FLOAT",
    "maxz": "FLOAT",
    "own_size": "FLOAT",
    "hash": "UBIGINT",
    "ahash": "UBIGINT",
    "geom": "BLOB USING COMPRESSION uncompressed",
}
"""What `live` and `hist` have of every layer; moments are UTC without a zone. `hash` is of geometry and
bodies, `ahash` of attributes; `own_size` is what the source said, `size` what counts."""

CATALOGUE_COLUMNS: Final = {
    "meta": "name VARCHAR PRIMARY KEY, value VARCHAR",
    "layers": """id VARCHAR, number INTEGER, body VARCHAR, stored VARCHAR, version BIGINT, updated TIMESTAMP,
        loose BIGINT""",
    "commits": "version BIGINT, moment TIMESTAMP",
    "reports": "version BIGINT, layer VARCHAR, source VARCHAR, body VARCHAR",
    "quarantine": "version BIGINT, n BIGINT, body VARCHAR",
    "feed": "version BIGINT, body VARCHAR",
    "snapshots": "layer VARCHAR, source VARCHAR, branch VARCHAR, moment TIMESTAMP",
    "kept": "name VARCHAR PRIMARY KEY, value BLOB",
    "datastreams": """id BIGINT, layer VARCHAR, thing VARCHAR, name VARCHAR, observed_property VARCHAR,
        unit VARCHAR""",
    "observations": "datastream BIGINT, time TIMESTAMP, value DOUBLE, recorded TIMESTAMP",
    "corrected": "datastream BIGINT, time TIMESTAMP, value DOUBLE, recorded TIMESTAMP, recorded_to TIMESTAMP",
    "latest": "datastream BIGINT, time TIMESTAMP, value DOUBLE, count BIGINT",
}
CATALOGUE: Final = tuple(f"CREATE TABLE IF NOT EXISTS {n} ({c})" for n, c in CATALOGUE_COLUMNS.items())


@dataclass(frozen=True, kw_only=True)
class Held:
    """A layer as the catalogue of the database has it; replaced, never changed."""

    layer: Layer
    number: int
    columns: Mapping[str, Physical] = field(default_factory=dict)
    bodies: Mapping[str, str] = field(default_factory=dict)
    used: int = 0
    """How many stored columns were ever named."""
    version: int = 0
    updated: datetime = OPEN
    loose: int = 0
    """Rows written since they were last in order."""

    @property
    def live(self) -> str:
        """The table of what is believed and has no end."""
        return f"live_{self.number}"

    @property
    def hist(self) -> str:
        """The table of everything else."""
        return f"hist_{self.number}"

    @property
    def tables(self) -> Tables:
        """As the compiler of queries wants them."""
        return Tables(live=self.live, hist=self.hist, columns=self.columns, bodies=self.bodies)

    @property
    def stored(self) -> list[str]:
        """Every column of the two tables."""
        return [*ROW, *self.bodies.values(), *(c.name for c in self.columns.values())]


def stored_text(held: Held) -> str:
    """Names of stored columns as the catalogue keeps them."""
    columns = {n: [c.name, c.type] for n, c in held.columns.items()}
    return orjson.dumps({"columns": columns, "bodies": dict(held.bodies), "used": held.used}).decode()


def held_from(row: tuple[Any, ...]) -> Held:
    """A catalogue row: number, body, stored, version, updated, loose."""
    number, body, stored, version, updated, loose = row
    names = orjson.loads(stored)
    return Held(
        layer=layer_from(orjson.loads(body)),
        number=number,
        columns={n: Physical(name=c, type=t) for n, (c, t) in names["columns"].items()},
        bodies=names["bodies"],
        used=names["used"],
        version=version,
        updated=updated.replace(tzinfo=UTC),
        loose=loose,
    )


def held_values(held: Held) -> list[Any]:
    """The catalogue row of a layer: id, number, body, stored, version, updated, loose."""
    updated = held.updated.astimezone(UTC).replace(tzinfo=None)
    body = dumps(held.layer)
    return [held.layer.id, held.number, body, stored_text(held), held.version, updated, held.loose]


def literal(moment: datetime) -> str:
    """A moment as SQL."""
    return f"TIMESTAMP '{moment.astimezone(UTC).replace(tzinfo=None).isoformat(sep=' ')}'"


def quoted(text: str) -> str:
    """A text as SQL."""
    return "'" + text.replace("'", "''") + "'"
