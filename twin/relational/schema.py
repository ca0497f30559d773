"""How stores that speak SQL lay out their tables, and how their catalogue rows read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from twin.dialects import Dialect, Physical, Tables, Word
from twin.model import OPEN, Layer
from twin.records import dumps, layer_from

ROW: Final[dict[str, Word]] = {
    "id": "text",
    "source": "text",
    "branch": "text",
    "dated": "text",
    "valid_from": "moment",
    "valid_to": "moment",
    "recorded_from": "moment",
    "recorded_to": "moment",
    "version": "bigint",
    "hkey": "key",
    "size": "real",
    "minx": "double",
    "miny": "double",
    "maxx": "double",
    "maxy": "double",
    "minz": "real",
    "maxz": "real",
    "own_size": "real",
    "hash": "hash",
    "ahash": "hash",
    "geom": "geometry",
}
"""What `live` and `hist` have of every layer. `hash` is of geometry and bodies, `ahash` of attributes;
`own_size` is what the source said, `size` what counts."""

CATALOGUE: Final[dict[str, dict[str, Word]]] = {
    "meta": {"name": "text", "value": "text"},
    "layers": {
        "id": "text",
        "number": "bigint",
        "body": "text",
        "stored": "text",
        "version": "bigint",
        "updated": "moment",
        "loose": "bigint",
        "saved": "bigint",
    },
    "commits": {"version": "bigint", "moment": "moment"},
    "reports": {"version": "bigint", "layer": "text", "source": "text", "body": "text"},
    "quarantine": {"version": "bigint", "n": "bigint", "body": "text"},
    "feed": {"version": "bigint", "body": "text"},
    "snapshots": {"layer": "text", "source": "text", "branch": "text", "moment": "moment"},
    "kept": {"name": "text", "value": "bytes"},
    "datastreams": {
        "id": "bigint",
        "layer": "text",
        "thing": "text",
        "name": "text",
        "observed_property": "text",
        "unit": "text",
    },
    "observations": {"datastream": "bigint", "time": "moment", "value": "double", "recorded": "moment"},
    "corrected": {
        "datastream": "bigint",
        "time": "moment",
        "value": "double",
        "recorded": "moment",
        "recorded_to": "moment",
    },
    "latest": {"datastream": "bigint", "time": "moment", "value": "double", "count": "bigint"},
}
"""The other tables. `saved` is the commit that last wrote a layer's row."""
NAMED: Final = ("meta", "kept")
"""Their names are keys."""


def definition(columns: Mapping[str, Word], dialect: Dialect, *, key: bool = False) -> str:
    """Columns as a statement that makes a table has them; `key` makes the first one the primary key."""
    parts = [f"{name} {dialect.types[word]}" for name, word in columns.items()]
    return ", ".join([f"{parts[0]} PRIMARY KEY", *parts[1:]] if key else parts)


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


HELD: Final = "number, body, stored, version, updated, loose"
"""The columns of `layers` that `held_from` reads."""


def held_from(row: tuple[Any, ...]) -> Held:
    """The layer of a catalogue row, columns HELD."""
    number, body, stored, version, updated, loose = row
    names = orjson.loads(stored)
    return Held(
        layer=layer_from(orjson.loads(body)),
        number=number,
        columns={n: Physical(name=c, type=t) for n, (c, t) in names["columns"].items()},
        bodies=names["bodies"],
        used=names["used"],
        version=version,
        updated=utc(updated),
        loose=loose,
    )


def held_values(held: Held, saved: int) -> dict[str, Any]:
    """The catalogue row of a layer as a commit writes it."""
    columns = {n: [c.name, c.type] for n, c in held.columns.items()}
    return {
        "id": held.layer.id,
        "number": held.number,
        "body": dumps(held.layer),
        "stored": orjson.dumps({"columns": columns, "bodies": dict(held.bodies), "used": held.used}).decode(),
        "version": held.version,
        "updated": held.updated,
        "loose": held.loose,
        "saved": saved,
    }


def utc(moment: datetime) -> datetime:
    """A moment as a database gave it, with its zone."""
    return moment.replace(tzinfo=UTC)
