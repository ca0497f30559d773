"""Datastreams and observations as a policy shows them: of visible things, within the time that is granted.

A column right with the name of an observed property holds for its datastreams: hidden or masked, they
are not there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import pyarrow as pa

from twin.errors import FeatureNotFound, LayerNotFound
from twin.model import Change, Datastream, Filter, Interval, Query
from twin.policy import Policy
from twin.seen import OPEN_POLICY, look
from twin.shown import Shown
from twin.store import Store
from twin.table import TIMESTAMP

EVER = Interval(start=None, end=None)
Windows = tuple[Interval, ...]
"""Times of which something may be seen; EVER alone where all of it may."""


def datastreams(
    store: Store,
    *,
    layer: str | None = None,
    thing: str | None = None,
    ids: Sequence[int] | None = None,
    policy: Policy,
) -> tuple[Datastream, ...]:
    """Datastreams of things that may be seen, with their latest value that may be."""
    found = store.datastreams(layer=layer, thing=thing, ids=ids, policy=OPEN_POLICY)
    shown: dict[int, Datastream] = {}
    for name in {d.layer for d in found}:
        try:
            seen = look(store, name, policy)
        except LayerNotFound:
            continue
        shown |= _of_layer(store, seen, [d for d in found if d.layer == name])
    return tuple(shown[d.id] for d in found if d.id in shown)


def _of_layer(store: Store, seen: Shown, found: list[Datastream]) -> dict[int, Datastream]:
    if seen.whole:
        return {d.id: d for d in found}
    windows = _windows(store, seen, {d.thing for d in found})
    out = {}
    for one in found:
        mine = _of_property(seen, windows.get(one.thing, {}), one.observed_property)
        if mine:
            out[one.id] = one if EVER in mine else _within(store, one, mine)
    return out


def _windows(store: Store, seen: Shown, names: set[str]) -> dict[str, dict[int, Interval]]:
    """For each thing the grants that admit some version of it, with their times."""
    windows: dict[str, dict[int, Interval]] = {}
    for n, grant in enumerate(seen.grants):
        condition: Filter = seen.conditions[n]
        query = Query(
            layer=seen.raw.id,
            policy=OPEN_POLICY,
            ids=tuple(sorted(names)),
            filter=condition,
            every=True,
            columns=(),
            geometry=False,
        )
        for name in set(store.read(query)["id"].to_pylist()):
            windows.setdefault(name, {})[n] = grant.time or EVER
    return windows


def _of_property(seen: Shown, windows: dict[int, Interval], name: str) -> Windows:
    shown = [
        w for n, w in windows.items() if seen.grants[n].right(name).access in ("read-only", "read-write")
    ]
    return (EVER,) if EVER in shown else tuple(shown)


def _within(store: Store, one: Datastream, windows: Windows) -> Datastream:
    """A datastream with the count and latest value of some times alone."""
    rows = _series(store, one.id, windows, None, None)
    if not rows.num_rows:
        return replace(one, count=0, latest_time=None, latest_value=None)
    last = rows.slice(rows.num_rows - 1).to_pylist()[0]
    return replace(one, count=rows.num_rows, latest_time=last["time"], latest_value=last["value"])


def _granted(store: Store, datastream: int, policy: Policy) -> Windows:
    """The times of a datastream that may be seen.

    Raises:
        FeatureNotFound: there is none of that number, or it is hidden.
    """
    for one in datastreams(store, ids=[datastream], policy=policy):
        seen = look(store, one.layer, policy)
        if seen.whole:
            return (EVER,)
        windows = _windows(store, seen, {one.thing})
        return _of_property(seen, windows.get(one.thing, {}), one.observed_property)
    raise FeatureNotFound(f"no datastream {datastream}")


def observations(
    store: Store,
    datastream: int,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int | None = None,
    descending: bool = False,
    policy: Policy,
) -> pa.Table:
    """time, value; by time. Raises FeatureNotFound."""
    windows = _granted(store, datastream, policy)
    if EVER in windows:
        return store.observations(
            datastream, start=start, end=end, limit=limit, descending=descending, policy=OPEN_POLICY
        )
    rows = _series(store, datastream, windows, start, end)
    if descending:
        rows = rows.take(pa.array(range(rows.num_rows - 1, -1, -1), pa.int64()))
    return rows.slice(0, limit)


def _series(
    store: Store, datastream: int, windows: Windows, start: datetime | None, end: datetime | None
) -> pa.Table:
    """Observations of several times, each once, by time."""
    parts = [
        store.observations(
            datastream,
            start=max((t for t in (start, w.start) if t), default=None),
            end=min((t for t in (end, w.end) if t), default=None),
            policy=OPEN_POLICY,
        )
        for w in windows
    ]
    rows = {row["time"]: row["value"] for part in parts for row in part.to_pylist()}
    times = sorted(rows)
    return pa.table(
        {"time": pa.array(times, TIMESTAMP), "value": pa.array([rows[t] for t in times], pa.float64())}
    )


def buckets(
    store: Store, datastream: int, *, start: datetime, end: datetime, points: int, policy: Policy
) -> pa.Table:
    """time (of the bucket), count, min, max, mean; empty buckets left out. Raises FeatureNotFound."""
    windows = _granted(store, datastream, policy)
    if EVER in windows:
        return store.buckets(datastream, start=start, end=end, points=points, policy=OPEN_POLICY)
    width = max((end - start) / points, datetime.resolution)
    parts: dict[int, list[float]] = {}
    for row in _series(store, datastream, windows, start, end).to_pylist():
        if row["value"] is not None:
            n = min(int((row["time"] - start) / width), points - 1)
            parts.setdefault(n, []).append(row["value"])
    made = sorted(parts.items())
    return pa.table(
        {
            "time": pa.array([start + n * width for n, _ in made], TIMESTAMP),
            "count": pa.array([len(v) for _, v in made], pa.int64()),
            "min": pa.array([min(v) for _, v in made], pa.float64()),
            "max": pa.array([max(v) for _, v in made], pa.float64()),
            "mean": pa.array([sum(v) / len(v) for _, v in made], pa.float64()),
        }
    )


def things(store: Store, entry: Change, policy: Policy) -> Change | None:
    """A feed entry of observations with the things that may be seen, counted; None where there are none."""
    seen = look(store, entry.layer, policy)
    found = store.datastreams(layer=entry.layer, policy=OPEN_POLICY)
    names = {d.thing for d in found if entry.ids is None or d.thing in entry.ids}
    windows = _windows(store, seen, names)
    visible = {
        d.thing
        for d in found
        for w in _of_property(seen, windows.get(d.thing, {}), d.observed_property)
        if d.thing in names
        and (w.start is None or w.start <= entry.at)
        and (w.end is None or entry.at <= w.end)
    }
    if not visible:
        return None
    ids = tuple(sorted(visible))
    return replace(entry, ids=ids if len(ids) <= 1000 else None, count=len(ids), bbox=None)
