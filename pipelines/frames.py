"""Deliveries as a byte stream: between the process that reads a source, the command line and the server.

A frame is a uint32 length (little-endian), one letter and that many bytes:

    P  JSON: a part begins: layer, delivery, rows to expect, assets
    B  Arrow IPC stream: rows of the part      J  JSON: {"rejected": […], "notes": […]} beside them
    O  Arrow IPC stream: observations of the part
    E  nothing: the part is complete           X  JSON: {"slug", "message"}: reading failed here
    C  a command's name (to the server)     A  JSON: its answer
    Z  nothing: no more parts             R  JSON: a report (from the server)

A part without its E is not taken: a reader that dies leaves nothing half done.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, BinaryIO

import orjson
import pyarrow as pa

from twin import errors
from twin.model import Column, Delivery, Layer, Mode, Report, Titles
from twin.records import rejected_from, report_from
from twin.table import Batch

HEAD = struct.Struct("<Ic")
LIMIT = 1 << 30
"""A frame's largest size; readers make batches far smaller."""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """One part of a source, conformed and ready for a store."""

    layer: Layer
    delivery: Delivery
    batches: Iterator[Batch]
    observations: Callable[[], Iterator[Batch]] | None = None
    """To be read after `batches` is exhausted."""
    rows: int | None = None
    assets: dict[str, str] = field(default_factory=dict)
    """Name in the twin's raster folder -> where the file lies now."""
    join: tuple[str, str] | None = None
    """The table's column and the layer's, where the rows are attributes of features that are there."""


def encode(parts: Iterable[Prepared]) -> Iterator[bytes]:
    """Frames of the parts; an error on the way becomes an X frame and ends the stream."""
    try:
        for part in parts:
            yield from _part(part)
        yield frame(b"Z")
    except errors.TwinError as error:
        yield failed(error)


def failed(error: errors.TwinError) -> bytes:
    """The frame that says what was raised."""
    return frame(
        b"X", orjson.dumps({"slug": error.slug, "type": type(error).__name__, "message": str(error)})
    )


def frame(letter: bytes, payload: bytes = b"") -> bytes:
    """One frame."""
    return HEAD.pack(len(payload), letter) + payload


def _part(part: Prepared) -> Iterator[bytes]:
    head = {
        "layer": asdict(part.layer),
        "delivery": asdict(part.delivery),
        "rows": part.rows,
        "assets": part.assets,
        "observations": part.observations is not None,
        "join": part.join,
    }
    yield frame(b"P", orjson.dumps(head))
    for batch in part.batches:
        yield from _batch(b"B", batch)
    if part.observations is not None:
        for batch in part.observations():
            yield from _batch(b"O", batch)
    yield frame(b"E")


def _batch(letter: bytes, batch: Batch) -> Iterator[bytes]:
    if batch.rejected or batch.notes:
        aside = {"rejected": [asdict(r) for r in batch.rejected], "notes": batch.notes}
        yield frame(b"J", orjson.dumps(aside))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.table.schema) as writer:
        writer.write_table(batch.table)
    yield frame(letter, sink.getvalue().to_pybytes())


def decode(stream: BinaryIO, commands: Callable[[bytes], object] | None = None) -> Iterator[Prepared]:
    """The parts in a stream; take each to its end before asking for the next.

    Args:
        stream: frames. commands: what to do with a C frame; None refuses it.

    Raises:
        TwinError: what the reading side raised, or UnreadableFile when the stream breaks off.
    """
    while True:
        letter, payload = read(stream)
        if letter == b"Z":
            return
        if letter == b"C" and commands is not None:
            commands(payload)
            continue
        if letter != b"P":
            raise errors.UnreadableFile(f"a part was expected, {letter!r} came")
        yield _prepared(orjson.loads(payload), _Tape(stream))


def read(stream: BinaryIO) -> tuple[bytes, bytes]:
    """One frame's letter and payload; raises what an X frame says."""
    size, letter = HEAD.unpack(_exactly(stream, HEAD.size))
    if size > LIMIT:
        raise errors.TooLarge(f"a frame of {size} bytes; the limit is {LIMIT}")
    payload = _exactly(stream, size)
    if letter == b"X":
        raise _error(orjson.loads(payload))
    return letter, payload


def _exactly(stream: BinaryIO, size: int) -> bytes:
    parts = []
    while size:
        chunk = stream.read(size)
        if not chunk:
            raise errors.UnreadableFile("the process that reads the source stopped before it was done")
        parts.append(chunk)
        size -= len(chunk)
    return b"".join(parts)


def _error(said: dict[str, str]) -> errors.TwinError:
    kind = getattr(errors, said["type"], errors.UnreadableFile)
    return (
        kind(said["message"])
        if issubclass(kind, errors.TwinError)
        else errors.UnreadableFile(said["message"])
    )


class _Tape:
    """The frames of one part; rows come before observations, so the two are read one after the other."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.next: tuple[bytes, Batch] | None = None
        self.done = False

    def batches(self, wanted: bytes) -> Iterator[Batch]:
        while (ahead := self._peek()) is not None and ahead[0] == wanted:
            self.next = None
            yield ahead[1]

    def _peek(self) -> tuple[bytes, Batch] | None:
        if self.next is None and not self.done:
            self.next = self._pull()
        return self.next

    def _pull(self) -> tuple[bytes, Batch] | None:
        aside: dict[str, Any] = {"rejected": [], "notes": []}
        letter, payload = read(self.stream)
        if letter == b"J":
            aside = orjson.loads(payload)
            letter, payload = read(self.stream)
        if letter == b"E":
            self.done = True
            return None
        table = pa.ipc.open_stream(payload).read_all()
        rejected = tuple(rejected_from(r) for r in aside["rejected"])
        return letter, Batch(table=table, crs=None, rejected=rejected, notes=tuple(aside["notes"]))


def _prepared(head: dict[str, Any], tape: _Tape) -> Prepared:
    return Prepared(
        layer=layer(head["layer"]),
        delivery=delivery(head["delivery"]),
        batches=tape.batches(b"B"),
        observations=(lambda: tape.batches(b"O")) if head["observations"] else None,
        rows=head["rows"],
        assets=head["assets"],
        join=tuple(head["join"]) if head["join"] else None,
    )


def layer(said: dict[str, Any]) -> Layer:
    """A catalogue row from its JSON form."""
    return Layer(
        **{
            **said,
            "title": Titles(**said["title"]),
            "department": Titles(**said["department"]) if said["department"] else None,
            "columns": tuple(Column(**{**c, "title": Titles(**c["title"])}) for c in said["columns"]),
        }
    )


def delivery(said: dict[str, Any]) -> Delivery:
    """What a write says about itself, from its JSON form."""
    at = datetime.fromisoformat(said["at"]) if said["at"] else None
    return Delivery(**{**said, "mode": Mode(said["mode"]), "at": at, "notes": tuple(said["notes"])})


def report(said: dict[str, Any]) -> Report:
    """A report from its JSON form."""
    return report_from(said)
