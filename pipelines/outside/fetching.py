"""Fetching from services of others: the host that is configured, no redirects, within size, time and number."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import logging
import ssl
import time
from typing import Final
from weakref import WeakKeyDictionary

import httpx2

from pipelines.outside.backgrounds import Background, address
from pipelines.tile_cache import QUICK, TileCache
from twin.errors import OutsideFailed, TileNotFound, Unavailable

LARGEST: Final = 4 << 20
"""Bytes of a tile."""
SECONDS: Final = 15.0
AT_ONCE: Final = 8
"""Tiles that are fetched at a time."""
WAITING: Final = 256
"""Tiles that may be on their way or wait for it; whoever asks for more is told to come later."""
AGE: Final = 30 * 86_400
"""Seconds after which a tile is fetched again."""
PAUSE: Final = 10.0
"""Seconds during which a service that does not answer, or refuses us, is not asked again."""
PICTURES: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"RIFF", "image/webp"),
)
"""How pictures begin: what a service calls its answer is not believed."""
REFUSALS: Final = (401, 403, 418, 429)
AGENT: Final = "onemap-twin"

# At INFO this library writes addresses down, and there are keys in them.
logging.getLogger("httpx2").setLevel(logging.WARNING)
logging.getLogger("httpcore2").setLevel(logging.WARNING)


def picture(body: bytes) -> str | None:
    """The media type of a picture by how it begins; None for anything else."""
    return next((kind for start, kind in PICTURES if body.startswith(start)), None)


def client() -> httpx2.AsyncClient:
    """What fetches: neither a proxy of the environment nor a redirect leads elsewhere."""
    return httpx2.AsyncClient(
        verify=ssl.create_default_context(),
        trust_env=False,
        follow_redirects=False,
        timeout=httpx2.Timeout(SECONDS, connect=5.0),
        limits=httpx2.Limits(max_connections=AT_ONCE),
        headers={"User-Agent": AGENT},
    )


async def fetched(by: httpx2.AsyncClient, url: str, *, largest: int = LARGEST) -> tuple[int, bytes]:
    """Status and bytes of an address.

    Raises:
        OutsideFailed: it does not answer in time, or with more than the largest; the message holds no address.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(SECONDS), by.stream("GET", url) as answer:
            async for piece in answer.aiter_bytes():
                body += piece
                if len(body) > largest:
                    raise OutsideFailed(f"it answered with more than {largest} bytes")
            return answer.status_code, bytes(body)
    except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, OSError) as error:
        raise OutsideFailed(f"it does not answer ({type(error).__name__})") from None


class Outside:
    """Tiles of backgrounds, out of the cache or from where they are; each is fetched once at a time."""

    def __init__(self, cache: TileCache) -> None:
        self._cache = cache
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, httpx2.AsyncClient] = WeakKeyDictionary()
        self._busy: dict[str, asyncio.Task[bytes]] = {}
        self._resting: dict[str, tuple[float, str]] = {}

    async def tile(self, background: Background, z: int, x: int, y: int) -> bytes:
        """A picture.

        Raises:
            TileNotFound: there is none. OutsideFailed: the service does not answer, or not with a picture.
            Unavailable: too many are asked for.
        """
        url = address(background, z, x, y)
        place = f"background {_state(background)} {z}/{x}/{y} {int(time.time() // AGE)}"
        kept = await asyncio.to_thread(self._kept, place)
        if kept is not None:
            return kept
        task = self._busy.get(place)
        if task is None or task.get_loop() is not asyncio.get_running_loop():
            if len(self._busy) >= WAITING:
                raise Unavailable("too many tiles of backgrounds are asked for at once")
            task = asyncio.create_task(self._take(background, url, place))
            self._busy[place] = task
            task.add_done_callback(lambda _: self._busy.pop(place, None))
        # Whoever goes away must not take the tile from the others who wait for it.
        return await asyncio.shield(task)

    def _kept(self, place: str) -> bytes | None:
        try:
            return gzip.decompress(self._cache.get(place, _absent))
        except LookupError:
            return None

    async def _take(self, background: Background, url: str, place: str) -> bytes:
        name = f"background {background.name!r}"
        until, why = self._resting.get(background.name, (0.0, ""))
        if time.monotonic() < until:
            raise OutsideFailed(f"{name}: {why}")
        try:
            status, body = await fetched(self._client(), url)
        except OutsideFailed as error:
            self._resting[background.name] = (time.monotonic() + PAUSE, str(error))
            raise OutsideFailed(f"{name}: {error}") from None
        self._judge(background.name, status, body)
        await asyncio.to_thread(self._cache.get, place, lambda: body, QUICK)
        return body

    def _judge(self, name: str, status: int, body: bytes) -> None:
        """Raise unless it is a picture."""
        if status in (204, 404, 410) or (status == 200 and not body):
            raise TileNotFound(f"background {name!r} has no such tile")
        if status in REFUSALS:
            why = f"it refuses (status {status}); look at its key"
            self._resting[name] = (time.monotonic() + PAUSE, why)
            raise OutsideFailed(f"background {name!r}: {why}")
        if status != 200:
            raise OutsideFailed(f"background {name!r}: it answered with status {status}")
        if picture(body) is None:
            raise OutsideFailed(f"background {name!r}: it answered with something that is no picture")

    def _client(self) -> httpx2.AsyncClient:
        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            self._clients[loop] = client()
        return self._clients[loop]


def _absent() -> bytes:
    raise LookupError


def _state(background: Background) -> str:
    """What a tile's bytes depend on: another key is the same map."""
    said = (background.url, background.crs, background.zero, background.matrices, background.levels)
    return hashlib.blake2b(repr(said).encode(), digest_size=12).hexdigest()
