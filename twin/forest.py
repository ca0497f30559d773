"""The trees of a twin's layers, kept in its store, and the homes of their rows, kept in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from twin import tree as trees
from twin.errors import TileNotFound
from twin.spread import FOREVER, Snapshot, Source, Spread
from twin.stamps import View, view
from twin.survey import Survey, survey
from twin.tree import Tree, homes

POLICIES: Final = 16
"""Policies whose trees are remembered."""


class Store(Source, Protocol):
    """What is needed of a store."""

    def keep(self, name: str, value: bytes) -> None:
        """See `twin.store.Spread`."""
        ...

    def keep_first(self, name: str, value: bytes) -> bytes:
        """See `twin.store.Spread`."""
        ...

    def kept(self, name: str) -> bytes | None:
        """See `twin.store.Spread`."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Planted:
    """A layer's rows and its tree."""

    rows: Snapshot
    tree: Tree
    home: NDArray[np.int32]
    """(rows,) int32: the node of each."""


class Forest:
    """Rows and trees of all layers of one store; safe to ask from several threads."""

    def __init__(self, store: Store, *, capacity: int = trees.CAPACITY) -> None:
        """`capacity` is how many features a node of a new tree is meant to hold."""
        self._store, self._capacity = store, capacity
        self._lock = threading.Lock()
        self._turns: dict[str, threading.Lock] = {}
        """One a layer: growing a large tree keeps nobody from the others."""
        self._spreads: dict[str, Spread] = {}
        self._planted: dict[tuple[str, int], Planted] = {}
        self._latest: dict[str, Planted] = {}
        self._surveys: dict[str, tuple[Planted, int, int, Survey]] = {}
        self._views: dict[tuple[str, int, int, int], View] = {}
        self._seen: dict[str, SeenForest] = {}

    def seen(self, key: str, sight: Callable[[], Sighted]) -> SeenForest:
        """The forest as the policy of a key shows it; those of the last sixteen policies are remembered."""
        with self._lock:
            found = self._seen.pop(key, None) or SeenForest(self, sight())
            self._seen[key] = found
            while len(self._seen) > POLICIES:
                del self._seen[next(iter(self._seen))]
            return found

    def rows(self, layer: str) -> Snapshot:
        """The layer's rows as of the last commit."""
        with self._lock:
            spread = self._spreads.setdefault(layer, Spread(self._store, layer))
        return spread.snapshot()

    def view(self, layer: str, at: int, known: int) -> View:
        """The layer's rows as seen at a moment, microseconds; the last eight are remembered."""
        rows = self.rows(layer)
        key = (layer, rows.version, *rows.snap(at, known))
        found = self._views.get(key)
        if found is None or found.rows is not rows:
            found = view(rows, *key[2:])
            with self._lock:
                self._views[key] = found
                while len(self._views) > 8:
                    del self._views[next(iter(self._views))]
        return found

    def now(self, layer: str) -> Planted:
        """Rows and tree as they are; a tree is grown when there is none, nodes that are too full are split."""
        rows = self.rows(layer)
        with self._turn(layer):
            planted = self._latest.get(layer)
            if planted is None or planted.rows is not rows:
                tree = self._kept(layer, planted)
                settled = None if tree is None else self._settle(layer, rows, tree)
                planted = self._latest[layer] = self._tended(layer, rows, settled)
            return planted

    def survey(self, layer: str, planted: Planted, at: int, known: int) -> Survey:
        """What all nodes hold at a moment, microseconds; the last one of each layer is remembered."""
        moment = planted.rows.snap(at, known)
        found = self._surveys.get(layer)
        if found is None or found[0] is not planted or found[1:3] != moment:
            found = (planted, *moment, survey(planted.tree, planted.rows.columns, planted.home, *moment))
            self._surveys[layer] = found
        return found[3]

    def at(self, layer: str, revision: int) -> Planted:
        """Rows and the tree of some revision.

        Raises:
            TileNotFound: there was never such a revision.
        """
        planted = self.now(layer)
        if planted.tree.last == revision:
            return planted
        block = self._store.kept(f"tree/{layer}/{revision}")
        if block is None:
            raise TileNotFound(
                f"layer {layer!r} never had a tile tree {revision}; start from its tileset.json"
            )
        with self._turn(layer):
            return self._settle(layer, planted.rows, trees.decode(block))

    def _turn(self, layer: str) -> threading.Lock:
        with self._lock:
            return self._turns.setdefault(layer, threading.Lock())

    def _kept(self, layer: str, planted: Planted | None) -> Tree | None:
        """The last tree: ours, or that of another process over the same store."""
        block = self._store.kept(f"tree/{layer}")
        there = [] if block is None else [trees.decode(block)]
        return max([*there, *([planted.tree] if planted else [])], key=lambda t: t.last, default=None)

    def _settle(self, layer: str, rows: Snapshot, tree: Tree) -> Planted:
        """Find every row's home; those that had one before in the same tree keep it."""
        key = (layer, tree.last)
        old = self._planted.get(key)
        if old is not None and old.rows is rows:
            return old
        known = old.home if old is not None and old.rows.epoch == rows.epoch else np.empty(0, np.int32)
        news = {n: rows.columns[n][len(known) :] for n in ("hkey", "size")}
        home = np.concatenate([known, homes(tree, news["hkey"], news["size"])])
        planted = Planted(rows=rows, tree=old.tree if old else tree, home=home)
        self._planted[key] = planted
        mine = [k for k in tuple(self._planted) if k[0] == layer and k != key]
        for other in mine[:-2]:
            del self._planted[other]
        return planted

    def _tended(self, layer: str, rows: Snapshot, planted: Planted | None) -> Planted:
        """A tree that fits what stands now."""
        c = rows.columns
        standing = (c["recorded_to"] == FOREVER) & (c["valid_to"] == FOREVER)
        which = standing if standing.any() else np.ones(len(rows), bool)
        keys, sizes = c["hkey"][which], c["size"][which]
        if planted is None:
            tree = trees.grow(keys, sizes, self._capacity)
        else:
            held = np.bincount(planted.home[which], minlength=len(planted.tree))
            if not trees.full(planted.tree, held, self._capacity).any():
                return planted
            tree = trees.split(planted.tree, keys, sizes, self._capacity, revision=planted.tree.last + 1)
        # A revision is one tree for all: whoever grows it first decides.
        block = self._store.keep_first(f"tree/{layer}/{tree.last}", tree.encode())
        self._store.keep(f"tree/{layer}", block)
        return self._settle(layer, rows, trees.decode(block))


class Sighted(Store, Protocol):
    """What is needed of a store as a policy shows it (`twin.seen_catalogue.Sight`)."""

    def whole(self, layer: str) -> bool:
        """Whether a layer is seen as it is."""
        ...


class SeenForest(Forest):
    """A forest as a policy shows it: a tree of its own where not all of a layer is seen, the base's elsewhere."""

    def __init__(self, base: Forest, store: Sighted) -> None:
        super().__init__(store, capacity=base._capacity)  # noqa: SLF001  of the same class
        self._base, self._sight = base, store

    def rows(self, layer: str) -> Snapshot:
        """As `Forest.rows`."""
        return self._base.rows(layer) if self._sight.whole(layer) else super().rows(layer)

    def view(self, layer: str, at: int, known: int) -> View:
        """As `Forest.view`."""
        if self._sight.whole(layer):
            return self._base.view(layer, at, known)
        return super().view(layer, at, known)

    def now(self, layer: str) -> Planted:
        """As `Forest.now`."""
        return self._base.now(layer) if self._sight.whole(layer) else super().now(layer)

    def survey(self, layer: str, planted: Planted, at: int, known: int) -> Survey:
        """As `Forest.survey`."""
        if self._sight.whole(layer):
            return self._base.survey(layer, planted, at, known)
        return super().survey(layer, planted, at, known)

    def at(self, layer: str, revision: int) -> Planted:
        """As `Forest.at`."""
        return self._base.at(layer, revision) if self._sight.whole(layer) else super().at(layer, revision)
