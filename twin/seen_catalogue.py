"""Layers, reports and the feed as a policy shows them: made of the rows that it shows, of nothing else."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from twin.model import MAIN, OPEN, BBox, Change, Filter, LayerState, Op, Property, Query, Rejected, Report
from twin.moments import from_microseconds, microseconds
from twin.policy import EVERY, Policy
from twin.seen import OPEN_POLICY, look, moment, quick, read
from twin.seen_streams import things
from twin.shown import Shown
from twin.store import Store
from twin.table import PLACES

LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""When a layer of which nothing is seen was last updated."""
ENTRIES: Final = 1000
"""Entries of the feed looked at in one go."""
PERIODS: Final = ("valid_from", "valid_to", "recorded_from", "recorded_to")


@dataclass(frozen=True, kw_only=True)
class _Kept:
    version: int
    start: datetime
    until: datetime
    state: LayerState


_STATES: weakref.WeakKeyDictionary[Store, dict[tuple[str, str], _Kept]] = weakref.WeakKeyDictionary()
_LOCK = threading.Lock()


def layers(store: Store, policy: Policy) -> tuple[LayerState, ...]:
    """Every layer that may be seen, in tree order."""
    return tuple(
        layer(store, s.layer.id, policy) for s in store.layers(OPEN_POLICY) if policy.of_layer(s.layer)
    )


def layer(store: Store, layer: str, policy: Policy) -> LayerState:
    """One layer: count, extent and times of the rows that may be seen. Raises LayerNotFound."""
    seen = look(store, layer, policy)
    raw = store.layer(layer, OPEN_POLICY)
    if seen.whole:
        return raw
    now = moment(store)
    found = _settled(store, raw, policy, now)
    if found is None:
        found = _state(store, seen, policy, raw.version, now)
        with _LOCK:
            kept = _STATES.setdefault(store, {})
            while len(kept) > 1000:
                del kept[next(iter(kept))]
            kept[policy.key, layer] = found
    return replace(found.state, layer=seen.layer)


def _settled(store: Store, raw: LayerState, policy: Policy, now: datetime) -> _Kept | None:
    """What was found out of a layer before, if it is still so."""
    with _LOCK:
        found = _STATES.setdefault(store, {}).get((policy.key, raw.layer.id))
    if found is None or found.version != raw.version or not found.start <= now < found.until:
        return None
    return found


def swift(store: Store, query: Query) -> bool:
    """Whether a query, and what its layer is, is answered within milliseconds."""
    plain = Query(layer=query.layer, policy=OPEN_POLICY)
    if not store.swift(plain) or not quick(store, query):
        return False
    raw = store.layer(query.layer, OPEN_POLICY)
    whole = look(store, query.layer, query.policy).whole
    return whole or _settled(store, raw, query.policy, moment(store)) is not None


def _state(store: Store, seen: Shown, policy: Policy, version: int, now: datetime) -> _Kept:
    query = Query(
        layer=seen.raw.id, policy=policy, every=True, places=True, columns=(), geometry=False, branch=MAIN
    )
    rows = read(store, query)
    times = {n: _micro(rows, n) for n in PERIODS}
    at = microseconds(now)
    believed = times["recorded_to"] == microseconds(OPEN)
    there, valid = rows, believed & (times["valid_from"] <= at) & (times["valid_to"] > at)
    if any(g.time for g in seen.grants):
        # A grant of another time may show a row, or show it finer, that is not so to be seen now.
        there = read(store, replace(query, every=False, at=now))
        valid = np.ones(there.num_rows, bool)
    ends = np.concatenate([times[n][believed] for n in ("valid_from", "valid_to")])
    later = ends[ends > at]
    windows = [t for g in seen.grants if g.time for t in (g.time.start, g.time.end) if t and t > now]
    until = min([from_microseconds(int(later.min())) if len(later) else OPEN, *windows])
    news = np.concatenate(
        [times["recorded_from"], times["recorded_to"][times["recorded_to"] < microseconds(OPEN)]]
    )
    updated = from_microseconds(int(news.max())) if len(news) else LONG_AGO
    written = max(rows["version"].to_pylist(), default=0)
    state = LayerState(
        layer=seen.layer,
        count=int(valid.sum()),
        bbox=_box(there, valid),
        z=_heights(there, valid),
        time=(_moment(times["valid_from"][believed].min()), _moment(times["valid_to"][believed].max()))
        if believed.any()
        else None,
        version=_commit(store, seen.raw.id, written, updated),
        updated=updated,
    )
    return _Kept(version=version, start=now, until=until, state=state)


def _commit(store: Store, layer: str, written: int, updated: datetime) -> int:
    """The commit of a moment: that of the last row written, or a later one that only ended rows."""
    after = max(written - 1, 0)
    while entries := store.changes(after=after, limit=ENTRIES, policy=OPEN_POLICY):
        for entry in entries:
            if entry.layer == layer and entry.at == updated:
                return entry.version
            if entry.at > updated:
                return written
        after = entries[-1].version
    return written


def _micro(rows: pa.Table, name: str) -> NDArray[np.int64]:
    return np.asarray(rows[name].cast(pa.int64()), np.int64)


def _moment(value: np.int64) -> datetime:
    return OPEN if value >= microseconds(OPEN) else from_microseconds(int(value))


def _box(rows: pa.Table, which: NDArray[np.bool_]) -> BBox | None:
    west, south, east, north = (
        np.asarray(rows[f"#{n}"], np.float64)[which] for n in ("minx", "miny", "maxx", "maxy")
    )
    there = ~np.isnan(west)
    if not there.any():
        return None
    return BBox(
        west=float(west[there].min()),
        south=float(south[there].min()),
        east=float(east[there].max()),
        north=float(north[there].max()),
    )


def _heights(rows: pa.Table, which: NDArray[np.bool_]) -> tuple[float, float] | None:
    low, high = (np.asarray(rows[f"#{n}"], np.float32)[which] for n in ("minz", "maxz"))
    there = ~np.isnan(low)
    return (float(low[there].min()), float(high[there].max())) if there.any() else None


def reports(store: Store, layer: str, policy: Policy) -> tuple[Report, ...]:
    """The layer's ingest reports, for those who see all of it: they count and name what was delivered."""
    return store.reports(layer, OPEN_POLICY) if look(store, layer, policy).whole else ()


def quarantine(
    store: Store, layer: str, policy: Policy, *, limit: int = 1000, commit: int | None = None
) -> tuple[int, tuple[Rejected, ...]]:
    """What deliveries could not bring in, for those who see all of the layer."""
    if not look(store, layer, policy).whole:
        return 0, ()
    return store.quarantine(layer, OPEN_POLICY, limit=limit, commit=commit)


# The feed


def changes(store: Store, *, after: int = 0, limit: int = 1000, policy: Policy) -> tuple[Change, ...]:
    """Entries of what may be seen, with a version greater than `after`, oldest first."""
    found: list[Change] = []
    while len(found) < limit:
        entries = store.changes(after=after, limit=max(limit, 100), policy=OPEN_POLICY)
        if not entries:
            break
        after = entries[-1].version
        found += _visible(store, entries, policy)
    return tuple(found[:limit])


def _visible(store: Store, entries: tuple[Change, ...], policy: Policy) -> Iterable[Change]:
    names = {e.layer for e in entries}
    seen = {
        s.layer.id: look(store, s.layer.id, policy)
        for s in store.layers(OPEN_POLICY)
        if s.layer.id in names and policy.of_layer(s.layer)
    }
    shown: dict[int, Change | None] = {}
    for name, one in seen.items():
        mine = [e for e in entries if e.layer == name]
        shown |= {e.version: e for e in mine} if one.whole else _rows_of(store, mine, policy)
    return [e for n in (entry.version for entry in entries) if (e := shown.get(n)) is not None]


def _rows_of(store: Store, entries: list[Change], policy: Policy) -> dict[int, Change | None]:
    """Entries of one layer with the ids, count and box of rows that may be seen; None where there are none."""
    touched = [e for e in entries if e.kind != "observations"]
    names_seen = _told(store, entries[0].layer, policy) if touched else set()
    out: dict[int, Change | None] = {
        e.version: things(store, e, policy) for e in entries if e.kind == "observations"
    }
    for branch in {e.branch for e in touched}:
        mine = [e for e in touched if e.branch == branch]
        query = Query(
            layer=mine[0].layer,
            policy=policy,
            branch=branch,
            every=True,
            places=True,
            geometry=False,
            columns=(),
            filter=_written({e.at for e in mine}),
        )
        rows = read(store, query)
        begun, ended = (_micro(rows, n) for n in ("recorded_from", "recorded_to"))
        ids = np.array(rows["id"].to_pylist(), object)
        for entry in mine:
            at = microseconds(entry.at)
            which = (begun == at) | (ended == at)
            names = tuple(sorted(set(ids[which])))
            # A catalogue row of which nothing that is seen has changed is no news, whatever else came with it.
            news = tuple(n for n in entry.news if n in names_seen)
            out[entry.version] = (
                replace(
                    entry,
                    kind="layer" if news else "rows",
                    ids=names if len(names) <= 1000 else None,
                    count=len(names),
                    bbox=_box(rows, which),
                    news=news,
                )
                if names or news
                else None
            )
    return out


def _told(store: Store, layer: str, policy: Policy) -> set[str]:
    """What of a catalogue row somebody sees, as `twin.model.Change.news` names it."""
    return {EVERY, *(c.name for c in look(store, layer, policy).layer.columns)}


_LASTS: weakref.WeakKeyDictionary[Store, dict[str, tuple[int, int]]] = weakref.WeakKeyDictionary()
"""By the key of a policy: how far the feed was read, and the last commit of which something is seen."""


def last(store: Store, policy: Policy) -> int:
    """The number of the last commit of which something may be seen: what is hidden does not move it."""
    end = store.last()
    if not policy.ruled:
        return end
    with _LOCK:
        read_to, found = _LASTS.setdefault(store, {}).get(policy.key, (0, 0))
    if read_to < end:
        found = _last_between(store, read_to, end, policy) or found
        with _LOCK:
            kept = _LASTS[store]
            while len(kept) > 1000:
                del kept[next(iter(kept))]
            kept[policy.key] = end, found
    return found


def _last_between(store: Store, after: int, end: int, policy: Policy) -> int:
    """The last commit in (after, end] of which something may be seen; 0 where there is none. From the end on."""
    while end > after:
        start = max(after, end - ENTRIES)
        entries = tuple(
            e for e in store.changes(after=start, limit=ENTRIES, policy=OPEN_POLICY) if e.version <= end
        )
        if shown := [e.version for e in _visible(store, entries, policy)]:
            return shown[-1]
        end = start
    return 0


def _written(moments: set[datetime]) -> Filter:
    """Versions that began or ended at one of some commits."""
    ordered = tuple(sorted(moments))
    parts = tuple(
        Op(op="in", args=(Property(name=name), ordered)) for name in ("recorded_from", "recorded_to")
    )
    return Op(op="or", args=parts)


# The spread, for tile trees


class Sight:
    """A store's spread as a policy shows it: what a forest of tile trees is planted on."""

    def __init__(self, store: Store, policy: Policy) -> None:
        self._store, self._policy = store, policy
        self._read: dict[tuple[str, int], int] = {}
        """Layer and commit to the last recorded moment of what was seen by then, microseconds."""

    def last(self) -> int:
        """The last commit's number."""
        return self._store.last()

    def spread(self, layer: str, *, branch: str = MAIN, since: int = 0) -> pa.Table:
        """As `twin.store.Spread.spread`, of the rows and geometries that may be seen."""
        version = self._store.last()
        if look(self._store, layer, self._policy).whole:
            return self._store.spread(layer, branch=branch, since=since)
        then = self._read.get((layer, since))
        rows = read(
            self._store,
            Query(
                layer=layer,
                policy=self._policy,
                branch=branch,
                every=True,
                places=True,
                geometry=False,
                columns=(),
                filter=None if then is None else _after(from_microseconds(then)),
            ),
        )
        times = {n: _micro(rows, n) for n in PERIODS}
        ended = times["recorded_to"][times["recorded_to"] < microseconds(OPEN)]
        news = np.concatenate([times["recorded_from"], ended])
        last = max([int(news.max())] if len(news) else [0], default=0)
        self._read[layer, version] = max(last, then or 0)
        columns = {n.removeprefix("#"): rows[n] for n in PLACES}
        return pa.table({**columns, **{n: pa.array(v, pa.int64()) for n, v in times.items()}})

    def whole(self, layer: str) -> bool:
        """Whether a layer is seen as it is."""
        return look(self._store, layer, self._policy).whole

    def keep(self, name: str, value: bytes) -> None:
        """Remember a block, under this policy."""
        self._store.keep(f"{self._policy.key}/{name}", value)

    def keep_first(self, name: str, value: bytes) -> bytes:
        """Remember a block, under this policy, unless there is one of that name; the one that is there."""
        return self._store.keep_first(f"{self._policy.key}/{name}", value)

    def kept(self, name: str) -> bytes | None:
        """The block of that name, under this policy."""
        return self._store.kept(f"{self._policy.key}/{name}")


def _after(then: datetime) -> Filter:
    """Versions that were written or ended after a moment."""
    begun = Op(op=">", args=(Property(name="recorded_from"), then))
    ended = tuple(
        Op(op=op, args=(Property(name="recorded_to"), value)) for op, value in ((">", then), ("<", OPEN))
    )
    return Op(op="or", args=(begun, Op(op="and", args=ended)))
