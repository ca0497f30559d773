"""What a running server has: made once at start, handed to the routes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from fastapi import Request

from api.access.identity import NOBODY, Access
from api.hot import Hot
from api.hub import Hub
from pipelines import bake
from pipelines.executor import Executor, here
from pipelines.ground import Grounds
from pipelines.outside.fetching import Outside
from pipelines.search import Index
from pipelines.tile_cache import TileCache
from twin import vertical
from twin.forest import Forest
from twin.policy import Policy
from twin.seen_catalogue import Sight
from twin.settings import Settings
from twin.store import Store


@dataclass
class Twin:
    """The server's parts."""

    settings: Settings
    store: Store
    hub: Hub
    index: Index
    grounds: Grounds
    forest: Forest
    cache: TileCache
    outside: Outside
    hot: Hot = field(default_factory=Hot)
    policy: Policy = field(default_factory=Policy.open)
    """What is seen: everything for the server's own work, the caller's rights in a route."""
    executor: Executor = here
    access: Access | None = None
    """Who asks and what they may; without it (a twin in a test) nobody is told from anybody."""
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    ready: threading.Event = field(default_factory=threading.Event)
    starting: str = "starting"
    """What it is waiting for, for `/readyz`."""

    @property
    def source(self) -> bake.Source:
        """Where tiles come from."""
        return bake.Source(
            store=self.store,
            forest=self.forest.seen(self.policy.key, lambda: Sight(self.store, self.policy))
            if self.policy.ruled
            else self.forest,
            executor=self.executor,
            ground=lambda at, known: self.grounds.at(self.policy, at=at, known=known),
            ways=vertical.load(self.settings.home),
        )


def over(store: Store, settings: Settings, **more: Any) -> Twin:
    """The server's parts over a store, those of a home where `more` names no others."""
    parts = {
        "hub": Hub(),
        "index": more.get("index") or Index(settings.index),
        "cache": TileCache(settings.cache, limit=settings.cache_mb << 20),
        "outside": Outside(TileCache(settings.outside, limit=settings.background_mb << 20)),
        "forest": Forest(store),
        "grounds": Grounds(store, settings.rasters),
    }
    return Twin(settings=settings, store=store, **{**parts, **more})


async def of(request: Request) -> Twin:
    """The server's parts for a route (`Depends(of)`), with the twin as the caller sees it.

    It waits for nothing; a plain function would be taken to a thread and back for each request.
    """
    twin: Twin = request.app.state.twin
    if twin.access is None:
        return twin
    # The gate stands before every route; whoever came past it is anonymous, never everybody.
    return replace(twin, policy=twin.access.policy(getattr(request.state, "caller", NOBODY)))
