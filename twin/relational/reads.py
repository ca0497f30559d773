# ruff: noqa: ARG002  (`twin.governed` asks with an open policy; the Protocol hands one in)
"""Catalogue, rows out, feed and spread of a SQL store."""

from __future__ import annotations

from collections.abc import Callable

import orjson
import pyarrow as pa

from twin import sql
from twin.dialects import Params
from twin.model import MAIN, OPEN, Change, LayerState, Query, Rejected, Report
from twin.policy import Policy
from twin.records import change_from, rejected_from, report_from
from twin.relational import catalogue
from twin.relational.base import Base
from twin.relational.schema import utc
from twin.table import SPREAD_TYPES, TIMESTAMP


class Reads(Base):
    """The `Catalogue`, `Readable`, `Feed` and `Spread` Protocols of `twin.store`."""

    # Catalogue

    def layers(self, policy: Policy) -> tuple[LayerState, ...]:
        """Every layer, in tree order."""
        self._fresh()
        held = sorted(self._held.values(), key=lambda h: (h.layer.order, h.layer.id))
        return tuple(self._state(h) for h in held)

    def layer(self, layer: str, policy: Policy) -> LayerState:
        """One layer. Raises LayerNotFound."""
        self._fresh()
        return self._state(self._layer(layer))

    def reports(self, layer: str, policy: Policy) -> tuple[Report, ...]:
        """Its reports, newest first. Raises LayerNotFound."""
        self._fresh()
        self._layer(layer)
        with self._session() as session:
            rows = session.rows("SELECT body FROM reports WHERE layer = $1 ORDER BY version DESC", [layer])
        return tuple(report_from(orjson.loads(row[0])) for row in rows)

    def quarantine(
        self, layer: str, policy: Policy, *, limit: int = 1000
    ) -> tuple[int, tuple[Rejected, ...]]:
        """What the last delivery of each source could not bring in. Raises LayerNotFound."""
        last: dict[str, Report] = {}
        for report in reversed(self.reports(layer, policy)):
            last[report.source] = report
        commits = ", ".join(str(r.commit) for r in last.values()) or "NULL"
        with self._session() as session:
            rows = session.rows(
                f"SELECT body FROM quarantine WHERE version IN ({commits}) ORDER BY version, n LIMIT {int(limit)}"
            )
        refused = tuple(rejected_from(orjson.loads(r[0])) for r in rows)
        return sum(r.quarantined for r in last.values()), refused

    # Readable

    def read(self, query: Query) -> pa.Table:
        """The rows of a query. Raises LayerNotFound, UnknownProperty, InvalidFilter, TimeLimit."""
        self._fresh()
        held = self._layer(query.layer)
        columns = catalogue.output(held, query)
        statement, params = sql.rows(
            query, held.tables, self._moment(), self.dialect, [c for c, _ in columns.values()]
        )
        return self._fetched(statement, params, columns)

    def count(self, query: Query) -> int:
        """How many rows the query has, its limit and page left aside."""
        self._fresh()
        held = self._layer(query.layer)
        if query == Query(layer=query.layer, policy=query.policy, limit=query.limit):
            return self._state(held).count
        statement, params = sql.count(query, held.tables, self._moment(), self.dialect)
        with self._asked() as session:
            return int(session.rows(statement, params)[0][0])

    def versions(self, layer: str, feature: str, policy: Policy, *, branch: str = MAIN) -> pa.Table:
        """Every row ever written for an id, by recorded_from then valid_from."""
        self._fresh()
        held = self._layer(layer)
        columns = catalogue.output(held, Query(layer=layer, policy=policy, bodies=True))
        params = Params(self.dialect)
        mine = f"id = {params.bind(feature)} AND branch = {params.bind(branch)}"
        both = " UNION ALL ".join(f"SELECT * FROM {t} WHERE {mine}" for t in (held.live, held.hist))
        outward = self.dialect.geometry_out
        given = ", ".join(outward.format(c) if c == "geom" else c for c, _ in columns.values())
        statement = f"SELECT {given} FROM ({both}) AS q ORDER BY recorded_from, valid_from"
        return self._fetched(statement, params.values, columns)

    # Feed

    def changes(self, *, after: int = 0, limit: int = 1000, policy: Policy) -> tuple[Change, ...]:
        """What changed after a commit."""
        with self._session() as session:
            rows = session.rows(
                f"SELECT body FROM feed WHERE version > $1 ORDER BY version LIMIT {int(limit)}", [after]
            )
        return tuple(change_from(orjson.loads(row[0])) for row in rows)

    def last(self) -> int:
        """The last commit's number."""
        self._fresh()
        return self._last

    def listen(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Call back after each commit; returns what ends it."""
        return self._listeners.add(callback)

    # Spread

    def spread(self, layer: str, *, branch: str = MAIN, since: int = 0) -> pa.Table:
        """Where and when the row versions are that a commit > `since` wrote or ended."""
        self._fresh()
        held = self._layer(layer)
        moments = ("valid_from", "valid_to", "recorded_from", "recorded_to")
        params = Params(self.dialect)
        condition = f"branch = {params.bind(branch)}"
        with self._session() as session:
            ((at,),) = session.rows("SELECT max(moment) FROM commits WHERE version <= $1", [since])
            if at:
                then, open_end = (self.dialect.moment(m) for m in (utc(at), OPEN))
                ended = f"(recorded_to > {then} AND recorded_to < {open_end})"
                condition += f" AND (recorded_from > {then} OR {ended})"
            both = " UNION ALL ".join(
                f"SELECT {', '.join([*SPREAD_TYPES, *moments])} FROM {table} WHERE {condition}"
                for table in (held.live, held.hist)
            )
            table = session.arrow(both, params.values)
        exact = pa.schema([*SPREAD_TYPES.items(), *((m, TIMESTAMP) for m in moments)])
        schema = pa.schema([*SPREAD_TYPES.items(), *((m, pa.int64()) for m in moments)])
        return table.cast(exact).cast(schema)

    def keep(self, name: str, value: bytes) -> None:
        """Remember a small block by name."""
        with self._session() as session:
            session.run(
                "INSERT INTO kept (name, value) VALUES ($1, $2)"
                " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                [name, value],
            )

    def keep_first(self, name: str, value: bytes) -> bytes:
        """Remember a small block unless there is one of that name; the one that is there now."""
        with self._session() as session:
            session.run(
                "INSERT INTO kept (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING", [name, value]
            )
        return self.kept(name) or value

    def kept(self, name: str) -> bytes | None:
        """The block of that name."""
        with self._session() as session:
            rows = session.rows("SELECT value FROM kept WHERE name = $1", [name])
        return bytes(rows[0][0]) if rows else None
