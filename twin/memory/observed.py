# ruff: noqa: ARG002  (`twin.governed` asks with an open policy; the Protocol hands one in)
"""The `Streams` and `Archive` Protocols of `twin.store`, in memory."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from twin import archive, streams
from twin.errors import Conflict
from twin.memory import rows as rows_
from twin.memory.base import Base
from twin.memory.rows import Held
from twin.model import Datastream, Report
from twin.policy import Policy
from twin.table import TIMESTAMP


class Streams(Base):
    """Observations, and the way out and back in."""

    def declare(self, datastreams: pa.Table) -> pa.Table:
        """Make Datastreams that are not there yet."""
        names = ("layer", "thing", "name", "observed_property", "unit")
        with self._lock:
            ids = self._observed.declare(datastreams.select(names).to_pylist())
        return datastreams.append_column("id", pa.array(ids, pa.int64()))

    def observe(self, observations: pa.Table, *, source: str) -> Report:
        """Append observations; one commit."""
        with self._lock:
            commit, recorded = self._next()
            counts: Counter[str] = Counter()
            things: dict[str, set[str]] = defaultdict(set)
            numbers: Counter[str] = Counter()
            rows = streams.last_of_each(observations).to_pylist()
            good = [r for r in rows if r["time"] is not None and self._observed.layer_of(r["datastream"])]
            for row in good:
                outcome = self._observed.put(row["datastream"], row["time"], row["value"], recorded)
                counts[outcome] += 1
                if outcome != "unchanged":
                    layer = self._observed.layer_of(row["datastream"]) or ""
                    things[layer].add(self._observed.thing_of(row["datastream"]))
                    numbers[layer] += 1
            report = streams.reported(
                observations,
                source,
                commit + max(len(things) - 1, 0),
                recorded,
                layers=sorted({self._observed.layer_of(r["datastream"]) or "" for r in good}),
                refused=len(rows) - len(good),
                counts=counts,
            )
            for change in streams.entries(commit, recorded, things, numbers):
                self._publish(None, change.version, change.at, change)
            if not things:
                self._publish(None, commit, recorded, None)
            return report

    def datastreams(
        self,
        *,
        layer: str | None = None,
        thing: str | None = None,
        ids: Sequence[int] | None = None,
        policy: Policy,
    ) -> tuple[Datastream, ...]:
        """Datastreams with their latest value, by id."""
        with self._lock:
            return tuple(self._observed.listed(layer, thing, ids))

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
        """Time and value, by time; both ends belong to it."""
        with self._lock:
            self._observed.thing_of(datastream)
            rows = [
                (t, v)
                for t, v in self._observed.series(datastream)
                if (start is None or t >= start) and (end is None or t <= end)
            ]
        rows = (rows[::-1] if descending else rows)[:limit]
        return pa.table(
            {
                "time": pa.array([t for t, _ in rows], TIMESTAMP),
                "value": pa.array([v for _, v in rows], pa.float64()),
            }
        )

    def buckets(
        self, datastream: int, *, start: datetime, end: datetime, points: int, policy: Policy
    ) -> pa.Table:
        """Least, greatest and mean by bucket."""
        with self._lock:
            self._observed.thing_of(datastream)
            return self._observed.buckets(datastream, start, end, points)

    # Archive

    def backup(self, folder: Path) -> None:
        """Write everything as GeoParquet and JSON."""
        with self._lock:
            held = list(self._held.values())
            archive.save(
                folder,
                self._saved(held),
                {h.layer.id: [rows_.archived(h)] for h in held},
                [pa.Table.from_pylist(self._observed.believed(), archive.OBSERVATION)],
                [pa.Table.from_pylist(self._observed.corrected(), archive.CORRECTED)],
            )

    def _saved(self, held: list[Held]) -> archive.Saved:
        return archive.Saved(
            commits=tuple(enumerate(self._times))[1:],
            layers=tuple(
                archive.SavedLayer(
                    layer=h.layer, version=h.version, updated=h.updated, bodies=tuple(h.bodies)
                )
                for h in held
            ),
            reports=tuple(sorted((r for h in held for r in h.reports), key=lambda r: r.commit)),
            quarantine=tuple((n, r) for h in held for n, rows in h.rejected.items() for r in rows),
            feed=tuple(self._feed),
            snapshots=tuple((h.layer.id, *s) for h in held for s in sorted(h.snapshots)),
            datastreams=tuple(
                (s.id, s.layer, s.thing, s.name, s.observed_property, s.unit)
                for s in self._observed.streams.values()
            ),
            kept=dict(self._kept),
        )

    def restore(self, folder: Path) -> None:
        """Read a backup into this empty store."""
        saved = archive.load(folder)
        with self._lock:
            if self._last or self._held or self._observed.streams:
                raise Conflict("the store is not empty; restore into a new TWIN_HOME")
            self._held = {
                one.layer.id: _restored(saved, one, folder, n) for n, one in enumerate(saved.layers)
            }
            self._feed, self._kept = list(saved.feed), dict(saved.kept)
            self._times += [t for _, t in saved.commits]
            self._last, self._last_at = len(saved.commits), self._times[-1]
            self._observed.restore(saved.datastreams, archive.observations(folder), archive.corrected(folder))


def _restored(saved: archive.Saved, one: archive.SavedLayer, folder: Path, n: int) -> Held:
    reports = [r for r in saved.reports if r.layer == one.layer.id]
    return Held(
        layer=one.layer,
        bodies=list(one.bodies),
        rows=[rows_.from_archive(r) for table in archive.rows(folder, n) for r in table.to_pylist()],
        version=one.version,
        updated=one.updated,
        reports=reports,
        rejected={r.commit: [row for n, row in saved.quarantine if n == r.commit] for r in reports},
        snapshots={
            (source, branch, t) for layer, source, branch, t in saved.snapshots if layer == one.layer.id
        },
    )
