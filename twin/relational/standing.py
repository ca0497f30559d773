"""What stands in a store's layers, held in memory for those that are asked often (`twin.standing`)."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, Protocol

import psutil
import pyarrow as pa

from twin.dialects import Dialect
from twin.model import MAIN, OPEN, Query
from twin.policy import Policy
from twin.relational import catalogue
from twin.relational.schema import Held, utc
from twin.relational.session import Session
from twin.standing import Standing, block
from twin.table import PLACES, WRITTEN

log = logging.getLogger(__name__)

ASKED: Final = 3
"""A layer is taken into memory when it is asked so often."""
PATIENCE: Final = 10_000
"""As often again before one that proved too large is tried once more."""
MOST_BYTES: Final = max(512 << 20, psutil.virtual_memory().total // 16)
"""Of all layers together; those that were asked longest ago go first."""
ROW_BYTES: Final = 200
"""What a row takes at least, to tell beforehand what will never fit."""


Writer = Callable[[pa.Table], pa.Array]
"""(n,) the text of each row, as `twin.table.WRITTEN` says."""
WRITTEN_ROWS: Final = 20_000
"""Written at a time, while others have their turn."""


class Snapshot(Protocol):
    """A session that sees the store as of one commit."""

    def __call__(self, *, limited: bool) -> AbstractContextManager[Session]:
        """For a question that somebody waits for, or not."""
        ...


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A layer in memory."""

    held: Held
    standing: Standing

    def of(self, held: Held) -> bool:
        """Whether that is how the layer is."""
        return (self.held.number, self.held.updated) == (held.number, held.updated) and self.fits(held)

    def fits(self, held: Held) -> bool:
        """Whether it has the columns that the layer has."""
        mine = (self.held.number, self.held.columns, self.held.layer.columns)
        return mine == (held.number, held.columns, held.layer.columns)


class Standings:
    """The layers of one store; safe to ask from several threads."""

    def __init__(self, snapshot: Snapshot, dialect: Dialect, writer: Writer | None = None) -> None:
        self._snapshot, self._dialect, self._writer = snapshot, dialect, writer
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        """One reads the store at a time; whoever comes meanwhile asks the database."""
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._asked: dict[str, int] = {}
        self._thread: threading.Thread | None = None
        self._closed = False
        self.aside = True
        """Whether layers are read by a thread of their own, after they were asked a few times."""

    def of(self, held: Held, rows: int) -> Standing | None:
        """What stands in a layer; None when it is not in memory (yet)."""
        name = held.layer.id
        with self._lock:
            kept = self._kept.get(name)
            if kept is not None and kept.of(held):
                self._kept.move_to_end(name)
                return kept.standing
        if kept is not None and (patched := self._patched(kept, held)) is not None:
            return patched
        if rows * ROW_BYTES > MOST_BYTES or not self._wanted(name):
            return None
        if not self.aside:
            return self._loaded(held)
        self._begin(held)
        return None

    def has(self, held: Held) -> bool:
        """Whether a layer is in memory as it is."""
        kept = self._kept.get(held.layer.id)
        return kept is not None and kept.of(held)

    def close(self) -> None:
        """Wait for what is being read, and forget all."""
        self._closed = True
        if self._thread is not None:
            self._thread.join()
        self._kept.clear()

    def _wanted(self, name: str) -> bool:
        asked = self._asked[name] = self._asked.get(name, 0) + 1
        return asked >= ASKED or (asked > 0 and not self.aside)

    def _begin(self, held: Held) -> None:
        with self._lock:
            if self._closed or (self._thread is not None and self._thread.is_alive()):
                return
            self._thread = threading.Thread(target=self._read, args=(held,), name="standing", daemon=True)
            self._thread.start()

    def _read(self, held: Held) -> None:
        try:
            self._loaded(held)
        except Exception as error:  # noqa: BLE001  the questions are answered by the database all the same
            log.warning("layer %s was not taken into memory: %s", held.layer.id, error)
            self._asked[held.layer.id] = 0

    def _loaded(self, held: Held) -> Standing | None:
        """Read the layer; None when it is another by now, or too large."""
        with self._turn, self._snapshot(limited=False) as session:
            table = self._rows(session, held) if _is(session, held) else None
        if table is None:
            return None
        table = self._written(table)
        return self._keep(held, Standing(base=block(table), tail=block(table.slice(0, 0))))

    def _patched(self, kept: Kept, held: Held) -> Standing | None:
        """With what was written since; None when the layer has to be read again, or is read by somebody just now."""
        if not kept.fits(held) or held.updated < kept.held.updated or not self._turn.acquire(blocking=False):
            return None
        try:
            with self._snapshot(limited=True) as session:
                if not _is(session, held):
                    return None
                then, end = (self._dialect.moment(m) for m in (kept.held.updated, OPEN))
                written = self._rows(session, held, f" AND recorded_from > {then}")
                # Of what has ended there may still be a later row, which nobody touched.
                gone = f"recorded_to > {then} AND recorded_to < {end} AND branch = '{MAIN}'"
                there = f"SELECT 1 FROM {held.live} l WHERE l.id = h.id AND l.branch = '{MAIN}'"
                statement = f"SELECT DISTINCT id FROM {held.hist} h WHERE {gone} AND NOT EXISTS ({there})"
                ended = [row[0] for row in session.rows(statement)]
        finally:
            self._turn.release()
        if kept.standing.written:
            written = self._written(written)
        patched = kept.standing.patched(ended, written)
        if patched is None:
            self._drop(held.layer.id)
            return None
        return self._keep(held, patched)

    def _rows(self, session: Session, held: Held, condition: str = "") -> pa.Table:
        columns = catalogue.output(held, Query(layer=held.layer.id, policy=Policy.open(), places=True))
        outward = self._dialect.geometry_out
        given = ", ".join(outward.format(c) + " AS geom" if c == "geom" else c for c, _ in columns.values())
        found = session.arrow(f"SELECT {given} FROM {held.live} WHERE branch = '{MAIN}'{condition}")
        return catalogue.typed(found, columns)

    def _written(self, table: pa.Table) -> pa.Table:
        """Rows with their text, as far as that fits into the memory."""
        if self._writer is None:
            return table
        shown = table.drop_columns([n for n in table.column_names if n in PLACES])
        texts: list[pa.Array] = []
        room = MOST_BYTES - table.nbytes - 80 * len(table)
        for start in range(0, max(len(table), 1), WRITTEN_ROWS):
            texts.append(self._writer(shown.slice(start, WRITTEN_ROWS)))
            if (room := room - texts[-1].nbytes) < 0:
                return table
        return table.append_column(WRITTEN, pa.chunked_array(texts, pa.string()))

    def _keep(self, held: Held, standing: Standing) -> Standing | None:
        if standing.bytes > MOST_BYTES:
            self._asked[held.layer.id] = -PATIENCE
            return None
        with self._lock:
            self._kept[held.layer.id] = Kept(held=held, standing=standing)
            self._kept.move_to_end(held.layer.id)
            while sum(k.standing.bytes for k in self._kept.values()) > MOST_BYTES:
                self._kept.popitem(last=False)
        return standing

    def _drop(self, name: str) -> None:
        with self._lock:
            self._kept.pop(name, None)
            self._asked[name] = 0


def _is(session: Session, held: Held) -> bool:
    """Whether the store, as the session sees it, has the layer as it is held."""
    now = session.rows("SELECT updated FROM layers WHERE id = $1", [held.layer.id])
    return [utc(row[0]) for row in now] == [held.updated]
