"""Taking sources in: read in a process of its own, written by whoever owns the store.

The command line starts the reading process and either hands its frames to the running server (a
private Unix socket in TWIN_HOME) or, when none runs, takes them itself.
"""

from __future__ import annotations

import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from pipelines import archive, control, frames, joining, offsets, reading, reporting
from pipelines.frames import Prepared
from pipelines.reading import Request
from twin import errors
from twin.gazetteer import describe
from twin.model import Layer, Mode, Rejected, Report
from twin.policy import Policy
from twin.records import CARD
from twin.settings import Settings
from twin.store import Catalogue, Store
from twin.table import Batch, no_rows

Progress = Callable[[str, int, int | None], None]
"""Called with a layer's id, the rows seen so far and the rows to expect."""


def quiet(_layer: str, _rows: int, _expected: int | None) -> None:
    """No progress shown."""


@contextmanager
def reader(requests: Sequence[Request], settings: Settings) -> Iterator[BinaryIO]:
    """The frames of the requests, from a process with limits."""
    # Whatever reading unpacks or writes aside lies here, and goes when the reading is over, however it ends.
    settings.home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        dir=settings.home, prefix=".reading-", ignore_cleanup_errors=True
    ) as aside:
        yield from _read(requests, settings, aside)


def _read(requests: Sequence[Request], settings: Settings, aside: str) -> Iterator[BinaryIO]:
    job = {
        "memory_mb": settings.reader_memory_mb,
        "seconds": settings.reader_seconds,
        # The place alone: a profile's parameters go from its file into the reading process and nowhere else.
        "profiles": str(settings.profiles),
        "requests": [reading.said(r) for r in requests],
    }
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "TMPDIR": aside}
    with subprocess.Popen(
        [sys.executable, "-m", "pipelines.reading"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
    ) as process:
        try:
            stdin, stdout = cast("BinaryIO", process.stdin), cast("BinaryIO", process.stdout)
            stdin.write(orjson.dumps(job))
            stdin.close()
            yield stdout
        finally:
            process.kill()


def ingest(
    store: Store, requests: Sequence[Request], settings: Settings, progress: Progress = quiet
) -> list[Report]:
    """Take the requests' files into a store of this process; one report a layer."""
    with reader(requests, settings) as stream:
        return [take(store, part, settings, progress) for part in frames.decode(stream)]


def take(store: Store, part: Prepared, settings: Settings, progress: Progress = quiet) -> Report:
    """Take one delivery: its files, its rows in one commit, then its observations; or join its rows."""
    if part.join is not None:
        return joining.join(store, part, progress)
    for name, path in part.assets.items():
        settle(Path(path), settings, name)
    layer = continued(store, part.layer)
    report = store.write(layer, _watched(part, progress), part.delivery, place=describe)
    if part.observations is None:
        return report
    return replace(report, notes=(*report.notes, _observations(store, part, part.observations())))


def continued(store: Catalogue, layer: Layer) -> Layer:
    """A delivery's layer as a continuation of the one that is there: what it does not say stays as it was.

    Raises:
        InvalidParameter: the layer that is there is of another kind.
    """
    try:
        old = store.layer(layer.id, Policy.open()).layer
    except errors.LayerNotFound:
        return layer
    if old.kind != layer.kind:
        raise errors.InvalidParameter(
            f"layer {layer.id!r} is of kind {old.kind}, this delivery of kind {layer.kind}; name another --layer"
        )
    return replace(
        old,
        title=old.title if layer.title.zh == layer.id else layer.title,
        geometry=layer.geometry if layer.geometry == old.geometry else "Geometry",
        columns=layer.columns,
        crs=layer.crs,
        vertical=old.vertical if layer.vertical == "unknown" else layer.vertical,
        schematic=layer.schematic,
        extra={**old.extra, **layer.extra},
        **{name: getattr(layer, name) or getattr(old, name) for name in CARD},
    )


def _observations(store: Store, part: Prepared, batches: Iterable[Batch]) -> str:
    """Take a delivery's observations; what became of them, in words."""
    taken = 0
    rejected: list[Rejected] = []
    notes: list[str] = []
    for batch in batches:
        observe(store, part.layer.id, batch, source=part.delivery.source)
        taken += len(batch.table)
        rejected += batch.rejected
        notes += batch.notes
    if rejected or notes:
        # A delivery of no rows of its own: its report and quarantine hold the observations that were refused.
        aside = replace(
            part.delivery, source=f"{part.delivery.source}/observations", mode=Mode.UPSERT, notes=tuple(notes)
        )
        store.write(part.layer, [Batch(table=no_rows(), crs=None, rejected=tuple(rejected))], aside)
    return f"{taken:,} observations taken, {len(rejected):,} refused" + "".join(f"; {n}" for n in notes)


def _watched(part: Prepared, progress: Progress) -> Iterator[Batch]:
    seen = 0
    for batch in part.batches:
        seen += len(batch.table) + len(batch.rejected)
        progress(part.layer.id, seen, part.rows)
        yield batch


def settle(path: Path, settings: Settings, name: str) -> None:
    """Move a file, or a folder that bears the name of its content, to its place in the twin, whole or not at all."""
    room = settings.rasters if name.endswith(".tif") else settings.tilesets
    target = room / name
    if target.name != name or name.startswith("."):
        raise errors.ForbiddenReference(f"{name[:100]!r} is no name of a file in the twin")
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir() and target.exists():
        return  # the same content came before
    aside = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.move(path, aside)
    aside.replace(target)


def observe(store: Store, layer: str, batch: Batch, *, source: str) -> Report:
    """Append observations named by thing and property, making the Datastreams that are not there."""
    keys = ["thing", "name", "observed_property", "unit"]
    named = batch.table.group_by(keys).aggregate([])
    declared = store.declare(named.append_column("layer", pa.array([layer] * len(named), pa.string())))
    joined = batch.table.join(declared.select([*keys, "id"]), keys, join_type="inner")
    observations = joined.select(["id", "time", "value"]).rename_columns(["datastream", "time", "value"])
    order = pc.sort_indices(observations, [("datastream", "ascending"), ("time", "ascending")])
    return store.observe(observations.take(order), source=source)


class Intake:
    """The server's side: takes deliveries from the socket in TWIN_HOME, one at a time."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        heard: Callable[[Report, int], None] = lambda _report, _uid: None,
    ) -> None:
        """`heard` is told of each report and of the user at the other end of the socket."""
        self.store = store
        self.settings = settings
        self.heard = heard
        self._one = threading.Lock()
        settings.socket.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # The socket is its owner's alone: whoever may open TWIN_HOME's files may write.
        with _private(), _near(settings.socket) as name:
            self._socket.bind(name)
        self._socket.listen(8)
        threading.Thread(target=self._accept, name="intake", daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), name="delivery", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        # A caller that goes away (or only looked whether somebody is here) is no error of ours.
        with (
            suppress(BrokenPipeError, ConnectionResetError),
            connection,
            connection.makefile("rwb") as stream,
        ):
            try:
                self._take(cast("BinaryIO", stream), _uid(connection))
            except errors.TwinError as error:
                stream.write(frames.failed(error))
            except Exception as error:  # noqa: BLE001  the caller is told, the server goes on
                traceback.print_exc()
                stream.write(frames.failed(errors.TwinError(f"the server failed at this delivery: {error}")))

    def _take(self, stream: BinaryIO, uid: int) -> None:
        for part in frames.decode(stream, commands=lambda line: stream.write(self._command(line, uid))):
            report = take(self.store, part, self.settings)
            self.heard(report, uid)
            stream.write(frames.frame(b"R", orjson.dumps(asdict(report))))
            stream.flush()
        stream.write(frames.frame(b"Z"))

    def _command(self, line: bytes, uid: int) -> bytes:
        name, _, said = line.partition(b" ")
        if name == b"kinds":
            return frames.frame(b"A", orjson.dumps(kinds(self.store)))
        if name == b"check":
            return frames.frame(
                b"A", orjson.dumps(control.answer(self.store, self.settings, orjson.loads(said)))
            )
        if name == b"report":
            asked = orjson.loads(said)
            found = reporting.document(
                self.store, Policy.open(), asked["layer"], asked["n"], now=datetime.now(UTC)
            )
            return frames.frame(b"A", orjson.dumps(found))
        if name == b"vertical":
            report = offsets.state(self.store, offsets.offset_from(orjson.loads(said)))
            self.heard(report, uid)
            return frames.frame(b"R", orjson.dumps(asdict(report)))
        if name != b"backup":
            raise errors.InvalidParameter(
                f"no command {name[:50]!r}; there are kinds, check, report, vertical and backup"
            )
        # Written inside the home, where the command line fetches it: no caller's path is opened.
        folder = self.settings.home / ".backup"
        shutil.rmtree(folder, ignore_errors=True)
        with self._one:
            archive.backup(self.store, self.settings, folder)
        return frames.frame(b"A", orjson.dumps(str(folder)))

    def close(self) -> None:
        """Take no more."""
        self._socket.close()
        self.settings.socket.unlink(missing_ok=True)


def _uid(connection: socket.socket) -> int:
    """The user at the other end, as the kernel tells it."""
    if not hasattr(socket, "SO_PEERCRED"):  # macOS; there the socket's own rights say who it can be
        return os.getuid()
    size = struct.calcsize("3i")
    _, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return int(uid)


@contextmanager
def _private() -> Iterator[None]:
    before = os.umask(0o177)
    try:
        yield
    finally:
        os.umask(before)


def kinds(store: Store) -> dict[str, str]:
    """The kind of each layer that is there."""
    return {s.layer.id: s.layer.kind for s in store.layers(Policy.open())}


def send(requests: Sequence[Request], settings: Settings) -> list[Report]:
    """Hand the requests' deliveries to the running server.

    Raises:
        StoreDown: no server listens in this home. TwinError: what reading or writing raised.
    """
    there = command(settings, "kinds")
    known = [replace(r, known_kind=there.get(r.layer)) for r in requests]
    with _connected(settings) as stream, reader(known, settings) as source:
        threading.Thread(target=_pump, args=(source, stream), daemon=True).start()
        return [frames.report(said) for _, said in _answers(stream)]


def command(settings: Settings, name: str, said: Any = None) -> Any:
    """Have the running server do something, with what is said as JSON; what it answers.

    Raises:
        StoreDown: no server listens in this home.
    """
    with _connected(settings) as stream:
        line = name.encode() if said is None else name.encode() + b" " + orjson.dumps(said)
        stream.write(frames.frame(b"C", line) + frames.frame(b"Z"))
        stream.flush()
        return next(said for _, said in _answers(stream))


@contextmanager
def _connected(settings: Settings) -> Iterator[BinaryIO]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            with _near(settings.socket) as name:
                connection.connect(name)
        except OSError as error:
            raise errors.StoreDown(f"no server listens at {settings.socket}") from error
        with connection.makefile("rwb") as stream:
            yield cast("BinaryIO", stream)


@contextmanager
def _near(path: Path) -> Iterator[str]:
    """A short name for a socket: the address of a Unix socket holds 107 bytes, a home's path may be longer."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}" if len(os.fsencode(path)) > 107 else str(path)
    finally:
        os.close(folder)


def _pump(source: BinaryIO, stream: BinaryIO) -> None:
    with suppress(BrokenPipeError, ConnectionResetError, ValueError):
        shutil.copyfileobj(source, stream, 1 << 20)
        stream.flush()


def _answers(stream: BinaryIO) -> Iterator[tuple[bytes, Any]]:
    while True:
        letter, payload = frames.read(stream)
        if letter == b"Z":
            return
        yield letter, orjson.loads(payload)


def listening(settings: Settings) -> bool:
    """Whether a server takes deliveries in this home."""
    try:
        with _connected(settings):
            return True
    except (errors.StoreDown, FileNotFoundError):
        return False
