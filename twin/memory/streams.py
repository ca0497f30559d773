"""Observations of the in-memory store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa

from twin.errors import FeatureNotFound
from twin.model import Datastream
from twin.table import TIMESTAMP

Seen = tuple[float | None, datetime]
"""A value and when it was recorded."""


@dataclass(kw_only=True)
class Observed:
    """Datastreams and what was observed in them."""

    streams: dict[tuple[str, str, str], Datastream] = field(default_factory=dict)
    """By layer, thing and name."""
    values: dict[tuple[int, datetime], Seen] = field(default_factory=dict)
    former: list[tuple[int, datetime, float | None, datetime, datetime]] = field(default_factory=list)
    """Datastream, time, value, recorded from, recorded to of what was corrected later."""

    def declare(self, rows: list[dict[str, Any]]) -> list[int]:
        """The ids of datastreams, made where they are not there yet."""
        ids = []
        for row in rows:
            key = (row["layer"], row["thing"], row["name"])
            if key not in self.streams:
                self.streams[key] = Datastream(id=len(self.streams) + 1, **row)
            ids.append(self.streams[key].id)
        return ids

    def layer_of(self, datastream: int | None) -> str | None:
        """The layer of a datastream; None when there is no such one."""
        return next((s.layer for s in self.streams.values() if s.id == datastream), None)

    def thing_of(self, datastream: int) -> str:
        """The thing of a datastream.

        Raises:
            FeatureNotFound: there is no such datastream.
        """
        for stream in self.streams.values():
            if stream.id == datastream:
                return stream.thing
        raise FeatureNotFound(f"no datastream {datastream}")

    def put(self, datastream: int, time: datetime, value: float | None, recorded: datetime) -> str:
        """Take one observation; `added`, `changed` or `unchanged`."""
        key = (datastream, time)
        old = self.values.get(key)
        if old is not None and old[0] == value:
            return "unchanged"
        if old is not None:
            self.former.append((datastream, time, *old, recorded))
        self.values[key] = (value, recorded)
        return "changed" if old is not None else "added"

    def series(self, datastream: int) -> list[tuple[datetime, float | None]]:
        """Time and value of a datastream, by time."""
        return sorted((time, value) for (of, time), (value, _) in self.values.items() if of == datastream)

    def listed(self, layer: str | None, thing: str | None, ids: Sequence[int] | None) -> list[Datastream]:
        """Datastreams with their latest value, by id."""
        return [
            self._with_latest(s)
            for s in self.streams.values()
            if layer in (None, s.layer) and thing in (None, s.thing) and (ids is None or s.id in ids)
        ]

    def _with_latest(self, s: Datastream) -> Datastream:
        series = self.series(s.id)
        time, value = series[-1] if series else (None, None)
        return Datastream(
            id=s.id,
            layer=s.layer,
            thing=s.thing,
            name=s.name,
            observed_property=s.observed_property,
            unit=s.unit,
            count=len(series),
            latest_time=time,
            latest_value=value,
        )

    def believed(self) -> list[dict[str, Any]]:
        """Observations as a backup has them."""
        return [
            {"datastream": of, "time": time, "value": value, "recorded": at}
            for (of, time), (value, at) in sorted(self.values.items())
        ]

    def corrected(self) -> list[dict[str, Any]]:
        """Observations that were corrected later, as a backup has them."""
        names = ("datastream", "time", "value", "recorded", "recorded_to")
        return [dict(zip(names, row, strict=True)) for row in self.former]

    def restore(
        self,
        datastreams: Iterable[tuple[int, str, str, str, str, str]],
        values: Iterable[pa.Table],
        former: Iterable[pa.Table],
    ) -> None:
        """Take what a backup has."""
        for ident, layer, thing, name, observed_property, unit in datastreams:
            self.streams[layer, thing, name] = Datastream(
                id=ident, layer=layer, thing=thing, name=name, observed_property=observed_property, unit=unit
            )
        for table in values:
            self.values |= {
                (r["datastream"], r["time"]): (r["value"], r["recorded"]) for r in table.to_pylist()
            }
        for table in former:
            self.former += [tuple(r.values()) for r in table.to_pylist()]

    def buckets(self, datastream: int, start: datetime, end: datetime, points: int) -> pa.Table:
        """Count, least, greatest and mean of each of `points` equal parts of [start, end]."""
        width = max((end - start) / points, datetime.resolution)
        parts: dict[int, list[float]] = {}
        for time, value in self.series(datastream):
            if value is not None and start <= time <= end:
                parts.setdefault(min(int((time - start) / width), points - 1), []).append(value)
        rows = sorted(parts.items())
        return pa.table(
            {
                "time": pa.array([start + n * width for n, _ in rows], TIMESTAMP),
                "count": pa.array([len(v) for _, v in rows], pa.int64()),
                "min": pa.array([min(v) for _, v in rows], pa.float64()),
                "max": pa.array([max(v) for _, v in rows], pa.float64()),
                "mean": pa.array([sum(v) / len(v) for _, v in rows], pa.float64()),
            }
        )
