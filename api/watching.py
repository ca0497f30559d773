"""A folder that is watched: what is dropped in is taken when it is complete, and answered.

A delivery is first moved, with what belongs to it, into `.taking/`, a folder of its own; from there it is read, and
with its report the whole folder goes to `done/` or `refused/`. So whatever ends the program, each delivery is in
exactly one place, and two files of one name never meet.
"""

from __future__ import annotations

import errno
import fcntl
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Self

import orjson

from api import asking, pages, reports, taking
from api.dropped import DONE, LABEL, REFUSED, Mark, Unit, linked, mark, sources, units
from pipelines.reading import Request
from pipelines.reporting_words import WORDS
from twin.errors import Conflict, InvalidParameter, MissingPart, TwinError, Unavailable, UnsafeContent
from twin.model import Mode, Report
from twin.settings import Settings

TAKING: Final = ".taking"
NOTE: Final = "delivery.json"
PATIENCE: Final = 12
"""So many times as long as a file must stand still we wait for what it lacks."""


@dataclass
class _Still:
    """A delivery as it was seen, and since when it is so."""

    mark: Mark
    since: float


class Watch:
    """The one watcher of a folder."""

    def __init__(
        self,
        folder: Path,
        settings: Settings,
        *,
        settle: float,
        say: Callable[[str], Any],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Look at `folder`; a delivery is complete after `settle` seconds of `clock` without a change."""
        self.folder, self.settings, self.settle, self.say, self.clock = folder, settings, settle, say, clock
        self._seen: dict[Path, _Still] = {}
        self._told: str | None = None

    def __enter__(self) -> Self:
        """Be the only one.

        Raises:
            InvalidParameter: the folder is watched already, or cannot be written to.
        """
        try:
            (self.folder / TAKING).mkdir(exist_ok=True)
            self._lock = (self.folder / TAKING / ".lock").open("w")
        except OSError as error:
            raise InvalidParameter(f"{self.folder} cannot be written to: {error.strerror}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            # Shares that know no locks are watched all the same.
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                self._lock.close()
                raise InvalidParameter(
                    f"{self.folder} is watched already, by another `twin watch`"
                ) from error
        return self

    def __exit__(self, *_: object) -> None:
        """Let another watch it."""
        self._lock.close()

    def run(self, every: float, *, once: bool) -> None:
        """Look again and again; with `once`, until nothing that was dropped is left."""
        while True:
            waiting = self.look()
            if once and not waiting:
                return
            time.sleep(every)

    def look(self) -> int:
        """Take in what is complete, one after the other; how many deliveries wait."""
        for claimed in self._claimed():
            self._take(claimed)
        found = units(self.folder)
        self._seen = {u.main: s for u in found if (s := self._seen.get(u.main))}
        ready = [u for u in found if self._complete(u)]
        for unit in ready:
            if (moved := self._claim(unit)) is not None:
                self._take(moved)
        return len(found) - len(ready) + len(self._claimed())

    def _complete(self, unit: Unit) -> bool:
        """Whether a delivery stands still for long enough; for longer where something of it lacks."""
        now, seen = mark(unit), self._seen.get(unit.main)
        if seen is None or seen.mark != now:
            self._seen[unit.main] = _Still(now, self.clock())
            seen = self._seen[unit.main]
        empty = not unit.main.is_dir() and not any(size for _, size, _ in now)
        needed = self.settle * (PATIENCE if unit.lacking or empty else 1)
        return self.clock() - seen.since >= needed

    def _claimed(self) -> list[Path]:
        return sorted(p for p in (self.folder / TAKING).iterdir() if p.is_dir())

    def _claim(self, unit: Unit) -> Path | None:
        """Move a delivery to a folder of its own; None where that cannot be done yet."""
        room = self.folder / unit.room
        target = _free(self.folder / TAKING, f"{datetime.now(UTC):%Y%m%dT%H%M%SZ} {unit.main.name}")
        try:
            target.mkdir()
            label = room / LABEL
            if label.is_file() and not label.is_symlink():
                shutil.copyfile(label, target / LABEL)
            link = linked(unit)
            note = {
                "room": unit.room,
                "name": unit.main.name,
                "lacking": unit.lacking,
                "link": link.name if link else None,
            }
            (target / NOTE).write_bytes(orjson.dumps(note))
            for path in (*unit.beside, unit.main):
                path.rename(target / path.name)
        except OSError as error:
            # Somebody still holds it (shares of Windows do that): what was moved goes back, and we look again.
            for path in unit.paths:
                with suppress(OSError):
                    (target / path.name).rename(path)
            if not (target / unit.main.name).exists():
                shutil.rmtree(target, ignore_errors=True)
            self._once(f"{unit.main.name}: cannot be moved yet ({error.strerror})")
            return None
        return target

    def _take(self, claimed: Path) -> None:
        """Take one delivery in and put it away with its answer."""
        note = _note(claimed)
        if note is None or not (claimed / note["name"]).exists(follow_symlinks=False):
            self._lost(claimed)
            return
        try:
            self._sound(note)
            done = self._ingest(claimed, note, self._request(claimed, note))
            files = self._answers(done)
        except Unavailable as error:
            self._once(f"{note['name']}: waits, {error}")
            return
        except TwinError as error:
            self._settle(claimed, note, REFUSED, _refusal(claimed, error), str(error))
            return
        counts = f"{sum(r.accepted for r in done):,} rows in, {sum(r.quarantined for r in done):,} refused"
        fine = any(r.accepted for r in done) or not any(r.quarantined for r in done)
        self._settle(claimed, note, DONE if fine else REFUSED, files, counts)

    def _ingest(self, claimed: Path, note: dict[str, Any], request: Request) -> list[Report]:
        """Take the rows in.

        What an interruption hit is taken again, since a snapshot or upsert writes differences only.

        Raises:
            Conflict: it was interrupted in the mode append, which may have written its rows.
        """
        if note.get("begun") and request.mode is Mode.APPEND:
            raise Conflict("it was interrupted in the mode append; look whether its rows are in the layer")
        (claimed / NOTE).write_bytes(orjson.dumps({**note, "begun": True}))
        try:
            return taking.take(self.settings, request, quiet=True)
        except Unavailable:
            (claimed / NOTE).write_bytes(orjson.dumps(note))
            raise

    def _sound(self, note: dict[str, Any]) -> None:
        if note["link"]:
            raise UnsafeContent(f"{note['link']!r} is a symbolic link; drop the file itself")
        if note["lacking"]:
            raise MissingPart(f"{note['name']} came without {', '.join(note['lacking'])}; drop them together")

    def _request(self, claimed: Path, note: dict[str, Any]) -> Request:
        """What is asked of a delivery: by the labels beside and in it, the layer else by its folder's name.

        Raises:
            InvalidParameter: a label is wrong, or nothing names the layer.
        """
        main = claimed / note["name"]
        labels = [p for p in (claimed / LABEL, main / LABEL) if p.is_file()]
        said: dict[str, Any] = {"layer": note["room"]} if note["room"] else {}
        for label in labels:
            said |= asking.read(label)
        if not said.get("layer"):
            raise InvalidParameter(
                f"nothing says which layer {note['name']!r} is of: drop it into a folder of the layer's name, or put "
                f'a {LABEL} with layer = "ID" beside it'
            )
        found = sources(main)
        if not found:
            raise MissingPart(f"{note['name']!r} has nothing in it that can be read")
        return asking.request([str(p) for p in found], said)

    def _answers(self, done: list[Report]) -> dict[str, bytes]:
        """The reports as files; several layers have their names before."""
        found: dict[str, bytes] = {}
        for one in done:
            made = reports.files(taking.report(self.settings, one.layer, one.commit))
            prefix = f"{one.layer}." if len(done) > 1 else ""
            found |= {f"{prefix}{name}": data for name, data in made.items()}
        return found

    def _settle(
        self, claimed: Path, note: dict[str, Any], where: str, files: dict[str, bytes], word: str
    ) -> None:
        """Put a delivery away with its answer."""
        for name, data in files.items():
            (claimed / name).write_bytes(data)
        (claimed / NOTE).unlink()
        room = self.folder / where / note["room"]
        room.mkdir(parents=True, exist_ok=True)
        target = _free(room, claimed.name)
        claimed.rename(target)
        self._told = None
        self.say(f"{where}: {note['room'] or '.'}/{note['name']}: {word} ({target.relative_to(self.folder)})")

    def _lost(self, claimed: Path) -> None:
        """A claim that was broken off before its main file had come goes back to where it lay."""
        room = self.folder / (_note(claimed) or {"room": ""})["room"]
        room.mkdir(exist_ok=True)
        for path in claimed.iterdir():
            if path.name not in (NOTE, LABEL):
                path.rename(_free(room, path.name))
        shutil.rmtree(claimed)

    def _once(self, word: str) -> None:
        if word != self._told:
            self.say(word)
        self._told = word


def _note(claimed: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = orjson.loads((claimed / NOTE).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return None
    return found


def _refusal(claimed: Path, error: TwinError) -> dict[str, bytes]:
    """The answer to a delivery of which nothing went in."""
    said = {"name": claimed.name.partition(" ")[2], "type": error.slug, "detail": str(error)}
    return {
        "report.html": pages.alone("refusal", said, "zh", WORDS),
        "report.en.html": pages.alone("refusal", said, "en", WORDS),
        "report.json": orjson.dumps({"error": said}, option=orjson.OPT_INDENT_2),
    }


def _free(folder: Path, name: str) -> Path:
    """A path in the folder that nothing has; a long name is cut so that a number fits."""
    cut = name.encode()[:200].decode(errors="ignore")
    names = (cut, *(f"{cut} ({n})" for n in range(2, 10_000)))
    return next(p for p in (folder / n for n in names) if not p.exists())
