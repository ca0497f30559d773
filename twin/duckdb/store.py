# ruff: noqa: ARG002  (policies have no rules yet; the Protocol hands them in from the first day)
"""The embedded store: one DuckDB file, one process, one connection; every operation its own cursor.

Writes take turns; readers see what was committed when they began. The catalogue is held in memory as
immutable rows that a commit replaces. Nothing here needs an extension; geometry is tested by shapely
inside the query (`twin_touches`), only for rows that a box does not wholly hold.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import duckdb
import orjson
import pyarrow as pa

from twin import archive, sql, streams
from twin.changes import Listeners
from twin.dialects import DUCKDB
from twin.duckdb import archive as archive_
from twin.duckdb import catalogue
from twin.duckdb import delivery as delivery_
from twin.duckdb import streams as streams_
from twin.duckdb.schema import CATALOGUE, Held, held_from, literal
from twin.duckdb.stage import Stage, arrow
from twin.errors import Conflict, FeatureNotFound, LayerNotFound, StorageFull, TimeLimit
from twin.model import (
    MAIN,
    OPEN,
    BBox,
    Change,
    Datastream,
    Delivery,
    Layer,
    LayerState,
    Mode,
    Query,
    Rejected,
    Report,
)
from twin.policy import Policy
from twin.records import change_from, merged, rejected_from, report_from
from twin.records import report as made
from twin.table import SPREAD_TYPES, TIMESTAMP, Batch

log = logging.getLogger(__name__)

MEMORY_MB: Final = 4096
THREADS: Final = 2
SECONDS: Final = 60.0
AGAIN: Final = 0.002
"""A read that takes longer is broken off."""
LOOSE: Final = 0.05
"""The share of rows out of order from which on a layer is put in order again."""


class DuckDBStore:
    """A `twin.store.Store` in one file.

    Raises:
        StoreBusy: another process has it open; says which.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        memory_mb: int = MEMORY_MB,
        threads: int = THREADS,
        seconds: float = SECONDS,
    ) -> None:
        self._now = now
        self._seconds = seconds
        self._con = catalogue.opened(str(path), memory_mb, threads)
        self._lock = threading.RLock()
        self._listeners = Listeners()
        self._held: dict[str, Held] = {}
        self._states: dict[str, tuple[Held, datetime, LayerState]] = {}
        self._last = 0
        self._last_at = datetime.min.replace(tzinfo=UTC)
        self._load()

    def _load(self) -> None:
        with self._cursor() as cursor:
            for statement in CATALOGUE:
                cursor.execute(statement)
            rows = cursor.execute(
                "SELECT number, body, stored, version, updated, loose FROM layers"
            ).fetchall()
            last = cursor.execute(
                "SELECT version, moment FROM commits ORDER BY version DESC LIMIT 1"
            ).fetchall()
            held = [held_from(row) for row in rows]
            with self._transaction(cursor):
                catalogue.rehashed(cursor, held)
        self._held = {h.layer.id: h for h in held}
        if last:
            self._last, self._last_at = last[0][0], last[0][1].replace(tzinfo=UTC)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._con.close()

    @contextmanager
    def _cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        cursor = self._con.cursor()
        try:
            yield cursor
        finally:
            cursor.close()

    @contextmanager
    def _asked(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor for a question that somebody waits for: it is broken off at the time limit."""
        with self._cursor() as cursor:
            over = threading.Event()
            threading.Thread(target=self._watched, args=(cursor, over), daemon=True).start()
            try:
                yield cursor
            except duckdb.InterruptException as error:
                raise TimeLimit(
                    f"the query took longer than {self._seconds:g} s; ask for less, or try again later"
                ) from error
            finally:
                over.set()

    def _watched(self, cursor: duckdb.DuckDBPyConnection, over: threading.Event) -> None:
        """Interrupt a cursor that is not done in time; again and again, for one between two steps hears nothing."""
        wait = self._seconds
        while not over.wait(wait):
            with suppress(duckdb.Error):  # it may be closing just now
                cursor.interrupt()
            wait = AGAIN

    @contextmanager
    def _transaction(self, cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
        cursor.execute("BEGIN")
        try:
            yield
            cursor.execute("COMMIT")
        except BaseException as error:
            catalogue.rolled_back(cursor)
            if isinstance(error, duckdb.Error) and "No space left" in str(error):
                raise StorageFull(f"the store has no room: {error}; free some and try again") from error
            raise

    # Catalogue

    def layers(self, policy: Policy) -> tuple[LayerState, ...]:
        """Every layer, in tree order."""
        held = sorted(self._held.values(), key=lambda h: (h.layer.order, h.layer.id))
        return tuple(self._state(h) for h in held)

    def layer(self, layer: str, policy: Policy) -> LayerState:
        """One layer. Raises LayerNotFound."""
        return self._state(self._layer(layer))

    def reports(self, layer: str, policy: Policy) -> tuple[Report, ...]:
        """Its reports, newest first. Raises LayerNotFound."""
        self._layer(layer)
        with self._cursor() as cursor:
            rows = cursor.execute(
                "SELECT body FROM reports WHERE layer = ? ORDER BY version DESC", [layer]
            ).fetchall()
        return tuple(report_from(orjson.loads(row[0])) for row in rows)

    def quarantine(
        self, layer: str, policy: Policy, *, limit: int = 1000
    ) -> tuple[int, tuple[Rejected, ...]]:
        """What the last delivery of each source could not bring in. Raises LayerNotFound."""
        last: dict[str, Report] = {}
        for report in reversed(self.reports(layer, policy)):
            last[report.source] = report
        commits = [r.commit for r in last.values()]
        with self._cursor() as cursor:
            rows = cursor.execute(
                "SELECT body FROM quarantine WHERE version IN (SELECT unnest(?)) ORDER BY version, n LIMIT ?",
                [commits, limit],
            ).fetchall()
        return sum(r.quarantined for r in last.values()), tuple(
            rejected_from(orjson.loads(r[0])) for r in rows
        )

    def _layer(self, layer: str) -> Held:
        held = self._held.get(layer)
        if held is None:
            there = ", ".join(sorted(self._held)) or "none yet"
            raise LayerNotFound(f"no layer {layer!r}; there are: {there}")
        return held

    def _state(self, held: Held) -> LayerState:
        now = self._moment()
        known = self._states.get(held.layer.id)
        if known and known[0] is held and now < known[1]:
            return known[2]
        with self._cursor() as cursor:
            state, until = catalogue.state(cursor, held, now)
        self._states[held.layer.id] = (held, until, state)
        return state

    def _moment(self) -> datetime:
        """Now; never before the last commit, so that what was written is seen."""
        return max(self._now(), self._last_at)

    # Readable

    def read(self, query: Query) -> pa.Table:
        """The rows of a query. Raises LayerNotFound, UnknownProperty, InvalidFilter."""
        held = self._layer(query.layer)
        columns = catalogue.output(held, query)
        statement, params = sql.rows(
            query, held.tables, self._moment(), DUCKDB, [c for c, _ in columns.values()]
        )
        return self._fetched(statement, params, columns)

    def count(self, query: Query) -> int:
        """How many rows the query has, its limit and page left aside."""
        held = self._layer(query.layer)
        if query == Query(layer=query.layer, policy=query.policy, limit=query.limit):
            return self._state(held).count
        statement, params = sql.count(query, held.tables, self._moment(), DUCKDB)
        with self._asked() as cursor:
            return int(cursor.execute(statement, params).fetchall()[0][0])

    def versions(self, layer: str, feature: str, policy: Policy, *, branch: str = MAIN) -> pa.Table:
        """Every row ever written for an id, by recorded_from then valid_from."""
        held = self._layer(layer)
        columns = catalogue.output(held, Query(layer=layer, policy=policy, bodies=True))
        names = ", ".join(c for c, _ in columns.values())
        both = " UNION ALL ".join(
            f"SELECT {names} FROM {table} WHERE id = ? AND branch = ?" for table in (held.live, held.hist)
        )
        return self._fetched(
            f"SELECT * FROM ({both}) ORDER BY recorded_from, valid_from", [feature, branch] * 2, columns
        )

    def _fetched(
        self, statement: str, params: list[Any], columns: dict[str, tuple[str, pa.DataType]]
    ) -> pa.Table:
        with self._asked() as cursor:
            table = arrow(cursor, statement, params)
        arrays = [table.column(n).cast(kind) for n, (_, kind) in enumerate(columns.values())]
        return pa.table(arrays, schema=pa.schema([(n, kind) for n, (_, kind) in columns.items()]))

    # Writable

    def write(
        self,
        layer: Layer,
        batches: Iterable[Batch],
        delivery: Delivery,
        *,
        place: Callable[[BBox], str] | None = None,
    ) -> Report:
        """Take a delivery in one commit; it is staged before the lock is taken."""
        with self._cursor() as cursor:
            stage = Stage(cursor)
            for batch in batches:
                stage.add(batch, limit=delivery.rejected_limit)
            with self._lock:
                return self._deliver(cursor, stage, layer, delivery, place)

    def _deliver(
        self,
        cursor: duckdb.DuckDBPyConnection,
        stage: Stage,
        layer: Layer,
        delivery: Delivery,
        place: Callable[[BBox], str] | None,
    ) -> Report:
        number, recorded = self._next()
        old = self._held.get(layer.id)
        arrived = tuple(catalogue.column(n, c) for n, c in stage.columns.items())
        row = merged(old.layer if old else None, layer, arrived)
        news = old is None or row != old.layer
        with self._transaction(cursor):
            held = self._described(cursor, old, row, list(stage.bodies))
            for name in stage.columns:
                if held.columns[name].type == "string" and stage.columns[name].type != "string":
                    stage.widen(name, "string")
            commit = self._commit_of(cursor, held, delivery, number, recorded)
            outcome = delivery_.deliver(commit, stage)
            if delivery.mode is Mode.SNAPSHOT:
                cursor.execute(
                    "INSERT INTO snapshots VALUES (?, ?, ?, ?)",
                    [layer.id, delivery.source, delivery.branch, commit.at.replace(tzinfo=None)],
                )
            counts = {k: v for k, v in outcome.counts.items() if k not in ("taken", "untimely")}
            report = made(
                held.layer,
                delivery,
                number,
                recorded,
                read=stage.rows + stage.refused,
                quarantined=stage.refused + outcome.refused,
                extent=outcome.extent,
                place=place(outcome.extent) if place and outcome.extent else "",
                notes=tuple(dict.fromkeys((*delivery.notes, *stage.notes))),
                **counts,
            )
            rejected = (stage.rejected + outcome.rejected)[: delivery.rejected_limit]
            if old is None:
                catalogue.indexed(cursor, held)
            loose = held.loose + (outcome.written if old else 0)
            done = self._record(
                cursor, replace(held, loose=loose), report, rejected, outcome, delivery, news=news
            )
        self._publish(*done)
        return report

    def remove(self, layer: str, ids: Sequence[str], delivery: Delivery) -> Report:
        """End rows at the delivery's moment. Raises LayerNotFound, FeatureNotFound."""
        with self._lock, self._cursor() as cursor:
            held = self._layer(layer)
            number, recorded = self._next()
            commit = self._commit_of(cursor, held, delivery, number, recorded)
            with self._transaction(cursor):
                outcome = delivery_.end(commit, ids)
                if not outcome.touched:
                    raise FeatureNotFound(
                        f"{layer}: none of {', '.join(list(ids)[:10])} is there at {commit.at.isoformat()}"
                    )
                gone = outcome.touched
                report = made(held.layer, delivery, number, recorded, read=gone, removed=gone)
                held = replace(held, loose=held.loose + outcome.written)
                done = self._record(cursor, held, report, [], outcome, delivery, news=False)
            self._publish(*done)
            return report

    def describe(self, layer: Layer) -> int:
        """Create a layer without rows or change its catalogue row."""
        with self._lock, self._cursor() as cursor:
            number, recorded = self._next()
            old = self._held.get(layer.id)
            with self._transaction(cursor):
                held = self._described(cursor, old, merged(old.layer if old else None, layer), [])
                if old is None:
                    catalogue.indexed(cursor, held)
                held = replace(held, version=number, updated=recorded)
                change = Change(
                    version=number, at=recorded, layer=layer.id, kind="layer", ids=(), count=0, bbox=None
                )
                catalogue.saved(cursor, held)
                catalogue.numbered(cursor, number, recorded, change)
            self._publish(number, recorded, held, change)
            return number

    def _next(self) -> tuple[int, datetime]:
        return self._last + 1, max(self._now(), self._last_at + streams.TICK)

    def _commit_of(
        self,
        cursor: duckdb.DuckDBPyConnection,
        held: Held,
        delivery: Delivery,
        number: int,
        recorded: datetime,
    ) -> delivery_.Commit:
        at = (delivery.at or recorded).astimezone(UTC)
        ((later,),) = cursor.execute(
            "SELECT min(moment) FROM snapshots WHERE layer = ? AND source = ? AND branch = ? AND moment > ?",
            [held.layer.id, delivery.source, delivery.branch, at.replace(tzinfo=None)],
        ).fetchall()
        until = later.replace(tzinfo=UTC) if later else OPEN
        return delivery_.Commit(
            cursor=cursor,
            held=held,
            delivery=delivery,
            number=number,
            recorded=recorded,
            at=at,
            until=until,
        )

    def _described(
        self, cursor: duckdb.DuckDBPyConnection, old: Held | None, layer: Layer, bodies: list[str]
    ) -> Held:
        number = max((h.number for h in self._held.values()), default=0) + 1
        return catalogue.described(cursor, old or catalogue.created(cursor, layer, number), layer, bodies)

    def _record(
        self,
        cursor: duckdb.DuckDBPyConnection,
        held: Held,
        report: Report,
        rejected: list[Rejected],
        outcome: delivery_.Outcome,
        delivery: Delivery,
        *,
        news: bool,
    ) -> tuple[int, datetime, Held, Change | None]:
        change = Change(
            version=report.commit,
            at=report.at,
            layer=held.layer.id,
            kind="layer" if news else "rows",
            ids=outcome.ids,
            count=outcome.touched,
            bbox=outcome.box,
            branch=delivery.branch,
        )
        told = change if news or outcome.touched else None
        held = replace(held, version=report.commit if told else held.version, updated=report.at)
        catalogue.saved(cursor, held)
        catalogue.reported(cursor, report, rejected)
        catalogue.numbered(cursor, report.commit, report.at, told)
        return report.commit, report.at, held, told

    def _publish(self, number: int, at: datetime, held: Held | None, change: Change | None) -> None:
        """Let readers see a commit that is durable, then tell the listeners."""
        if held is not None:
            self._held = {**self._held, held.layer.id: held}
        self._last, self._last_at = number, at
        if change is not None:
            self._listeners.tell(change)

    # Feed

    def changes(self, *, after: int = 0, limit: int = 1000, policy: Policy) -> tuple[Change, ...]:
        """Entries with a version greater than `after`, oldest first."""
        with self._cursor() as cursor:
            rows = cursor.execute(
                f"SELECT body FROM feed WHERE version > ? ORDER BY version LIMIT {int(limit)}", [after]
            ).fetchall()
        return tuple(change_from(orjson.loads(row[0])) for row in rows)

    def last(self) -> int:
        """The last commit's number; 0 when nothing was ever written."""
        return self._last

    def listen(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Call back after each commit of this process; returns what ends it."""
        return self._listeners.add(callback)

    # Spread

    def spread(self, layer: str, *, branch: str = MAIN, since: int = 0) -> pa.Table:
        """Where and when the row versions are that a commit > `since` wrote or ended."""
        held = self._layer(layer)
        moments = ("valid_from", "valid_to", "recorded_from", "recorded_to")
        names = ", ".join([*SPREAD_TYPES, *(f"epoch_us({m}) AS {m}" for m in moments)])
        with self._cursor() as cursor:
            ((at,),) = cursor.execute(
                "SELECT max(moment) FROM commits WHERE version <= ?", [since]
            ).fetchall()
            changed = ""
            if at:
                then = literal(at.replace(tzinfo=UTC))
                changed = f" AND (recorded_from > {then} OR (recorded_to > {then} AND recorded_to < {literal(OPEN)}))"
            both = " UNION ALL ".join(
                f"SELECT {names} FROM {table} WHERE branch = $1{changed}" for table in (held.live, held.hist)
            )
            table = arrow(cursor, both, [branch])
        schema = pa.schema([*SPREAD_TYPES.items(), *((m, pa.int64()) for m in moments)])
        return table.cast(schema)

    def keep(self, name: str, value: bytes) -> None:
        """Remember a small block by name."""
        with self._lock, self._cursor() as cursor:
            cursor.execute("INSERT OR REPLACE INTO kept VALUES (?, ?)", [name, value])

    def kept(self, name: str) -> bytes | None:
        """The block of that name."""
        with self._cursor() as cursor:
            rows = cursor.execute("SELECT value FROM kept WHERE name = ?", [name]).fetchall()
        return bytes(rows[0][0]) if rows else None

    # Streams

    def declare(self, datastreams: pa.Table) -> pa.Table:
        """Make Datastreams that are not there yet; the same rows with `id`."""
        with self._lock, self._cursor() as cursor, self._transaction(cursor):
            return streams_.declare(cursor, datastreams)

    def observe(self, observations: pa.Table, *, source: str) -> Report:
        """Append observations; one commit for each layer that they are of."""
        with self._lock, self._cursor() as cursor:
            number, recorded = self._next()
            with self._transaction(cursor):
                counts = streams_.judge(cursor, observations)
                if counts.get("added") or counts.get("changed"):
                    streams_.store(cursor, recorded, corrections="changed" in counts)
                things, numbers, layers = streams_.touched(cursor)
                entries = streams.entries(number, recorded, things, numbers)
                for change in entries:
                    catalogue.numbered(cursor, change.version, change.at, change)
                if not entries:
                    catalogue.numbered(cursor, number, recorded, None)
            for change in entries:
                self._publish(change.version, change.at, None, change)
            if not entries:
                self._publish(number, recorded, None, None)
            return streams.reported(
                observations,
                source,
                self._last,
                recorded,
                layers=layers,
                refused=counts.get("refused", 0),
                counts=counts,
            )

    def datastreams(
        self,
        *,
        layer: str | None = None,
        thing: str | None = None,
        ids: Sequence[int] | None = None,
        policy: Policy,
    ) -> tuple[Datastream, ...]:
        """Datastreams with their latest value, by id."""
        asked = (("d.layer = ?", layer), ("d.thing = ?", thing), ("d.id IN (SELECT unnest(?))", ids))
        where = [(text, value) for text, value in asked if value is not None]
        values = [list(v) if isinstance(v, (list, tuple)) else v for _, v in where]
        with self._cursor() as cursor:
            rows = cursor.execute(
                "SELECT d.*, coalesce(l.count, 0), l.time, l.value FROM datastreams d"
                " LEFT JOIN latest l ON l.datastream = d.id"
                f" WHERE {' AND '.join(text for text, _ in where) or 'TRUE'} ORDER BY d.id",
                values,
            ).fetchall()
        return tuple(catalogue.datastream(row) for row in rows)

    def observations(
        self,
        datastream: int,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int | None = None,
        descending: bool = False,
        policy: Policy,
    ) -> pa.Table:
        """time, value; by time. Raises FeatureNotFound."""
        self._declared(datastream, policy)
        with self._cursor() as cursor:
            table = arrow(cursor, streams_.series(datastream, start, end, limit, descending=descending))
        return table.cast(pa.schema([("time", TIMESTAMP), ("value", pa.float64())]))

    def buckets(
        self, datastream: int, *, start: datetime, end: datetime, points: int, policy: Policy
    ) -> pa.Table:
        """time (of the bucket), count, min, max, mean; empty buckets left out. Raises FeatureNotFound."""
        self._declared(datastream, policy)
        width = max((end - start) / points, datetime.resolution)
        with self._cursor() as cursor:
            table = arrow(cursor, streams_.buckets(datastream, start, end, points))
        times = pa.array([start + n * width for n in table["n"].to_pylist()], TIMESTAMP)
        return table.drop_columns(["n"]).add_column(0, "time", times)

    def _declared(self, datastream: int, policy: Policy) -> None:
        if not self.datastreams(ids=[datastream], policy=policy):
            raise FeatureNotFound(f"no datastream {datastream}")

    # Archive

    def backup(self, folder: Path) -> None:
        """Write everything as GeoParquet and JSON, as of one moment, while others read and write."""
        with self._cursor() as cursor, self._transaction(cursor):
            with self._lock:
                held = sorted(self._held.values(), key=lambda h: h.number)
                saved = archive_.saved(cursor, held)
            archive.save(
                folder,
                saved,
                {h.layer.id: archive_.rows(cursor, h) for h in held},
                archive_.observations(cursor, "observations", archive.OBSERVATION),
                archive_.observations(cursor, "corrected", archive.CORRECTED),
            )

    def restore(self, folder: Path) -> None:
        """Read a backup into this empty store. Raises Conflict, UnreadableFile."""
        saved = archive.load(folder)
        with self._lock, self._cursor() as cursor:
            if self._last or self._held or self.datastreams(policy=Policy.open()):
                raise Conflict("the store is not empty; restore into a new TWIN_HOME")
            with self._transaction(cursor):
                for n, one in enumerate(saved.layers):
                    held = catalogue.created(cursor, one.layer, n + 1)
                    held = catalogue.described(cursor, held, one.layer, list(one.bodies))
                    held = replace(held, version=one.version, updated=one.updated)
                    archive_.restore_rows(cursor, held, folder, n)
                    catalogue.indexed(cursor, held)
                    catalogue.saved(cursor, held)
                archive_.restore_records(cursor, saved)
                archive_.restore_observations(cursor, folder)
            self._load()

    # Order

    def recluster(self, layer: str, *, force: bool = False) -> bool:
        """Put a layer's rows in Hilbert order again when over 5 % lie out of it; whether it was done.

        For a quiet moment: readers go on, writers wait.
        """
        with self._lock, self._cursor() as cursor:
            held = self._layer(layer)
            if not force and held.loose <= LOOSE * max(self._rows(cursor, held), 1000):
                return False
            with self._transaction(cursor):
                for table in (held.live, held.hist):
                    catalogue.ordered(cursor, held, table)
                held = replace(held, loose=0)
                catalogue.saved(cursor, held)
            self._held = {**self._held, layer: held}
            self.checkpoint()
            return True

    def _rows(self, cursor: duckdb.DuckDBPyConnection, held: Held) -> int:
        return int(cursor.execute(f"SELECT count(*) FROM {held.live}").fetchall()[0][0])

    def checkpoint(self) -> bool:
        """Fold the write-ahead log into the file; False when somebody reads or writes just now."""
        with self._cursor() as cursor:
            try:
                cursor.execute("CHECKPOINT")
            except duckdb.TransactionException as error:
                log.info("no checkpoint now: %s", error)
                return False
        return True
