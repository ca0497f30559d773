# ruff: noqa: ARG002  (`twin.governed` asks with an open policy; the Protocol hands one in)
"""Observations and backups of a SQL store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from twin import archive, streams
from twin.errors import Conflict, FeatureNotFound
from twin.model import Datastream, Report
from twin.policy import Policy
from twin.relational import archive as archive_
from twin.relational import catalogue
from twin.relational import streams as streams_
from twin.relational.base import Base, Done
from twin.table import TIMESTAMP


class Observed(Base):
    """The `Streams` and `Archive` Protocols of `twin.store`."""

    # Streams

    def declare(self, datastreams: pa.Table) -> pa.Table:
        """Make Datastreams that are not there yet; the same rows with `id`."""
        with self._session() as session, self._turn(session):
            return streams_.declare(session, datastreams)

    def observe(self, observations: pa.Table, *, source: str) -> Report:
        """Append observations; one commit for each layer that they are of."""
        with self._session() as session, self._turn(session) as done:
            number, recorded = self._next()
            counts = streams_.judge(session, observations)
            if counts.get("added") or counts.get("changed"):
                streams_.store(session, recorded, corrections="changed" in counts)
            things, numbers, layers = streams_.touched(session)
            entries = streams.entries(number, recorded, things, numbers)
            done += [Done(number=c.version, at=c.at, change=c) for c in entries]
            if not entries:
                done.append(Done(number=number, at=recorded))
            for one in done:
                catalogue.numbered(session, one.number, one.at, one.change)
            return streams.reported(
                observations,
                source,
                done[-1].number,
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
        asked = (("d.layer", layer), ("d.thing", thing))
        where = [f"{name} = ${n}" for n, name in enumerate((k for k, v in asked if v is not None), 1)]
        if ids is not None:
            where.append(f"d.id IN ({', '.join(str(int(i)) for i in ids) or 'NULL'})")
        with self._session() as session:
            rows = session.rows(
                "SELECT d.id, d.layer, d.thing, d.name, d.observed_property, d.unit,"
                " coalesce(l.count, 0), l.time, l.value FROM datastreams d"
                " LEFT JOIN latest l ON l.datastream = d.id"
                f" WHERE {' AND '.join(where) or 'TRUE'} ORDER BY d.id",
                [v for _, v in asked if v is not None],
            )
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
        with self._asked() as session:
            table = session.arrow(
                streams_.series(self.dialect, datastream, start, end, limit, descending=descending)
            )
        return table.cast(pa.schema([("time", TIMESTAMP), ("value", pa.float64())]))

    def buckets(
        self, datastream: int, *, start: datetime, end: datetime, points: int, policy: Policy
    ) -> pa.Table:
        """time (of the bucket), count, min, max, mean; empty buckets left out. Raises FeatureNotFound."""
        self._declared(datastream, policy)
        width = max((end - start) / points, datetime.resolution)
        with self._asked() as session:
            table = session.arrow(streams_.buckets(self.dialect, datastream, start, end, points))
        times = pa.array([start + n * width for n in table["n"].to_pylist()], TIMESTAMP)
        return table.drop_columns(["n"]).add_column(0, "time", times)

    def _declared(self, datastream: int, policy: Policy) -> None:
        if not self.datastreams(ids=[datastream], policy=policy):
            raise FeatureNotFound(f"no datastream {datastream}")

    # Archive

    def backup(self, folder: Path) -> None:
        """Write everything as GeoParquet and JSON, as of one moment, while others read and write."""
        with self._session() as session, self._transaction(session):
            held = archive_.layers(session)
            archive.save(
                folder,
                archive_.saved(session, held),
                {h.layer.id: archive_.rows(session, h) for h in held},
                archive_.observations(session, "observations", archive.OBSERVATION),
                archive_.observations(session, "corrected", archive.CORRECTED),
            )

    def restore(self, folder: Path) -> None:
        """Read a backup into this empty store. Raises Conflict, UnreadableFile."""
        saved = archive.load(folder)
        with self._session() as session:
            with self._turn(session):
                if self._last or self._held or self.datastreams(policy=Policy.open()):
                    raise Conflict(
                        "the store is not empty; restore into a new TWIN_HOME, or into another database"
                    )
                for n, one in enumerate(saved.layers):
                    held = catalogue.created(session, one.layer, n + 1)
                    held = catalogue.described(session, held, one.layer, list(one.bodies))
                    held = replace(held, version=one.version, updated=one.updated)
                    archive_.restore_rows(session, held, folder, n)
                    catalogue.indexed(session, held)
                    catalogue.saved(session, held, one.version)
                archive_.restore_records(session, saved)
                archive_.restore_observations(session, folder)
            self._load(session)
