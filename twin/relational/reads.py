# ruff: noqa: ARG002  (`twin.governed` asks with an open policy; the Protocol hands one in)
"""Catalogue, rows out, feed and spread of a SQL store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, cast

import orjson
import pyarrow as pa

from twin import sql
from twin.cql2 import checked
from twin.cql2.columns import answers
from twin.dialects import Params, Tables
from twin.model import MAIN, OPEN, BBox, Change, Interval, LayerState, Query, Rejected, Report
from twin.moments import microseconds
from twin.policy import Policy
from twin.records import change_from, rejected_from, report_from
from twin.relational import catalogue
from twin.relational.base import Base
from twin.relational.schema import Held, utc
from twin.standing import Standing
from twin.table import SPREAD_TYPES, TIMESTAMP

BEGINNING: Final = datetime.min.replace(tzinfo=UTC)
PERIOD: Final = ("valid_from", "recorded_from", "branch")
FEW: Final = 20_000
"""Rows that a page may be picked from as they are."""


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
        self, layer: str, policy: Policy, *, limit: int = 1000, commit: int | None = None
    ) -> tuple[int, tuple[Rejected, ...]]:
        """What one delivery, or the last of each source, could not bring in. Raises LayerNotFound."""
        last: dict[str, Report] = {}
        for report in reversed(self.reports(layer, policy)):
            if commit in (None, report.commit):
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
        held, now = self._layer(query.layer), self._moment()
        columns = catalogue.output(held, query)
        if (here := self._standing(held, query, now)) is not None:
            standing, plain, at = here
            return standing.page(plain, at, list(columns))[0]
        stored = [c for c, _ in columns.values()]

        def ask(tables: Tables) -> pa.Table:
            if not tables.hist and sql.named(query):
                return self._named(query, tables, now, columns)
            return self._fetched(*sql.rows(query, tables, now, self.dialect, stored), columns)

        return self._needed(held, query, now, ask)

    def _named(
        self, query: Query, tables: Tables, now: datetime, columns: dict[str, tuple[str, pa.DataType]]
    ) -> pa.Table:
        """The rows of a few ids: beside other conditions the index is not used, so they are looked at here."""
        stored = [c for c, _ in columns.values()]
        with self._asked() as session:
            rows = session.rows(*sql.by_ids(query, tables, self.dialect, [*stored, *PERIOD]))
        begun, recorded, branch = (len(stored) + n for n in range(3))
        at = cast("datetime", query.at or now)
        kept = [
            row
            for row in rows
            if row[branch] == query.branch
            and utc(row[begun]) <= at
            and (query.known is None or utc(row[recorded]) <= query.known)
        ]
        return catalogue.tabled(sorted(kept, key=lambda row: row[0]), columns)

    def page(self, query: Query) -> tuple[pa.Table, int]:
        """The rows of a query, and how many there are when its limit and page are left aside."""
        self._fresh()
        held, now = self._layer(query.layer), self._moment()
        if (here := self._standing(held, query, now)) is not None:
            standing, plain, at = here
            return standing.page(plain, at, list(catalogue.output(held, query)))
        if not self._few(held, query):
            table = self.read(query)
            whole = query.after is None and (query.limit is None or len(table) < query.limit)
            return table, len(table) if whole else self.count(query)
        columns = catalogue.output(held, query)
        stored = [c for c, _ in columns.values()]

        def ask(tables: Tables) -> pa.Table:
            with self._asked() as session:
                return session.arrow(*sql.page_of_few(query, tables, now, self.dialect, stored))

        found = self._needed(held, query, now, ask)
        matched = found.column(len(stored))[0].as_py() if len(found) else 0
        return catalogue.typed(found, columns), matched

    def swift(self, query: Query) -> bool:
        """Whether the query is answered out of memory within milliseconds, without waiting for anything."""
        held = self._held.get(query.layer)
        if held is None or self._mark() is None:
            return False
        name, now = held.layer.id, self._moment()
        state, ended = self._states.get(name), self._ends.get(name)
        settled = state is not None and state[0] is held and now < state[1]
        settled &= ended is not None and ended[0] is held and self._standings.has(held)
        return settled and self._standing(held, query, now) is not None

    def _standing(self, held: Held, query: Query, now: datetime) -> tuple[Standing, Query, int] | None:
        """What answers a query out of memory, the query with its filter checked, and its moment in microseconds.

        None where it is not of the present, asks for what is not in memory, or has not been asked often.
        """
        at = now if query.at is None else query.at
        past = query.known is not None and query.known < held.updated
        if (
            past
            or query.every
            or query.sort
            or query.bodies
            or query.branch != MAIN
            or isinstance(at, Interval)
        ):
            return None
        if query.filter is not None:
            query = replace(query, filter=checked(query.filter, held.tables.types()))
            if not answers(query.filter):
                return None
        if query.after is not None:
            sql.page(query)
        if (standing := self._standings.of(held, self._state(held).count)) is None or at < self._ended(held):
            return None
        return standing, query, microseconds(at)

    def _few(self, held: Held, query: Query) -> bool:
        """Whether a window is so small that not many rows can be expected in it."""
        whole = self._state(held)
        if query.bbox is None or whole.bbox is None or query.ids is not None or query.after is not None:
            return False
        if query.limit is None or query.every or isinstance(query.at, Interval):
            return False
        land = _area(whole.bbox)
        return sum(map(_area, query.bbox.parts())) * whole.count <= land * FEW

    def count(self, query: Query) -> int:
        """How many rows the query has, its limit and page left aside."""
        self._fresh()
        held = self._layer(query.layer)
        if query == Query(layer=query.layer, policy=query.policy, limit=query.limit):
            return self._state(held).count
        now = self._moment()
        if (here := self._standing(held, query, now)) is not None:
            standing, plain, at = here
            return standing.count(plain, at)

        def ask(tables: Tables) -> int:
            with self._asked() as session:
                return int(session.rows(*sql.count(query, tables, now, self.dialect))[0][0])

        return self._needed(held, query, now, ask)

    def _needed[T](self, held: Held, query: Query, now: datetime, ask: Callable[[Tables], T]) -> T:
        """What is answered from the tables that may have rows of a query's moment: as a rule the live one.

        Of the present the other has only what is going to end. A commit meanwhile moves rows from one to
        the other: then both are asked, which is right at any time.
        """
        mark = self._mark()
        at = now if query.at is None else query.at
        past = query.known is not None and query.known < held.updated
        if mark is None or query.every or past or isinstance(at, Interval):
            return ask(held.tables)
        if self._held.get(query.layer) is held and at >= self._ended(held):
            found = ask(replace(held.tables, hist=""))
            if self._mark() == mark:
                return found
        return ask(held.tables)

    def _ended(self, held: Held) -> datetime:
        """The moment from which on no row that is believed and has an end is valid any more."""
        known = self._ends.get(held.layer.id)
        if known is None or known[0] is not held:
            end = self.dialect.moment(OPEN)
            with self._asked() as session:
                rows = session.rows(f"SELECT max(valid_to) FROM {held.hist} WHERE recorded_to = {end}")
            known = self._ends[held.layer.id] = (held, utc(rows[0][0]) if rows[0][0] else BEGINNING)
        return known[1]

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


def _area(box: BBox) -> float:
    """Square degrees, of a line or a point a little."""
    return max(box.east - box.west, 1e-9) * max(box.north - box.south, 1e-9)
