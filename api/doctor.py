"""What the twin needs on this machine, looked at one by one."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from api import access
from api.access import oidc
from api.home import STATIC, opened
from api.limits import machine
from pipelines import ingest
from twin import own_systems, stores, vertical
from twin.audit import SQLiteLog
from twin.errors import TwinError
from twin.policy import Policy
from twin.rules import Rules
from twin.settings import Settings

FREE_GB = 2
RASTERS = ("terrain", "imagery")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing looked at."""

    what: str
    fine: bool
    detail: str
    """What was seen and, where it is not fine, what to do."""


def examine(settings: Settings) -> list[Finding]:
    """Everything that can be looked at without changing anything but an empty home."""
    return [*_machine(settings), *_access(settings), *_home(settings)]


def _machine(settings: Settings) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding(what="Python", fine=sys.version_info >= (3, 12), detail=f"{version} (3.12 or later)")
    built = (STATIC / "index.html").exists()
    yield Finding(what="viewer", fine=built, detail="built" if built else "not built: make viewer")
    parent = next(p for p in (settings.home, *settings.home.parents) if p.exists())
    free = shutil.disk_usage(parent).free / 1e9
    yield Finding(
        what="disk", fine=free >= FREE_GB, detail=f"{free:.1f} GB free at {parent} ({FREE_GB} wanted)"
    )
    yield _font()
    yield _tables()
    yield _points()


def _points() -> Finding:
    from pipelines.readers import pointclouds

    try:
        return Finding(what="point clouds", fine=True, detail=f"py3dtiles of {pointclouds.python()}")
    except TwinError as error:
        return Finding(what="point clouds", fine=True, detail=str(error))


def _font() -> Finding:
    from pipelines.drawing import text

    try:
        return Finding(what="map font", fine=True, detail=str(text.font(12).getname()[0]))
    except (ImportError, OSError) as error:
        return Finding(what="map font", fine=False, detail=f"{error}; install the package again")


def _tables() -> Finding:
    """Access databases need a program that is not ours."""
    from pipelines.readers import access

    there = access.installed()
    absent = f"not installed, so .mdb and .accdb do not go in: {access.INSTALL}"
    return Finding(what="mdbtools", fine=True, detail=f"optional, for Access databases: {there or absent}")


def _private(settings: Settings) -> Iterator[Finding]:
    """Whether other accounts of the machine can read the home."""
    if settings.home.exists():
        mode = settings.home.stat().st_mode & 0o077
        detail = f"others can read it: chmod 700 {settings.home}" if mode else "its owner's alone"
        yield Finding(what="home's mode", fine=not mode, detail=detail)


def _profiles(settings: Settings) -> Iterator[Finding]:
    """The site's own coordinate systems: whether each can be read, and by nobody else."""
    own_systems.use(settings.profiles)
    for name in own_systems.names():
        path = settings.profiles / f"{name}.toml"
        try:
            own_systems.find(name)
        except TwinError as error:
            yield Finding(what=f"CRS profile {name}", fine=False, detail=str(error))
            continue
        mode = path.stat().st_mode & 0o077
        detail = (
            f"others can read its parameters: chmod 600 {path}" if mode else "well-formed, its owner's alone"
        )
        yield Finding(what=f"CRS profile {name}", fine=not mode, detail=detail)


def _datums(settings: Settings) -> Iterator[Finding]:
    """What the site states of its vertical datums."""
    try:
        ways = vertical.load(settings.home, anew=True).stated
    except TwinError as error:
        yield Finding(what="vertical datums", fine=False, detail=str(error))
        return
    if ways:
        said = "; ".join(f"{w.source} to {w.target}: {w.words}" for w in ways)
        yield Finding(what="vertical datums", fine=True, detail=said)


def _access(settings: Settings) -> Iterator[Finding]:
    yield from _private(settings)
    yield from _profiles(settings)
    yield from _datums(settings)
    rules = Rules.load(settings.home)
    yield Finding(what="access", fine=rules.problem is None, detail=access.told(rules, settings))
    yield _names(settings)
    try:
        found = oidc.issuer(settings)
        detail = f"tokens of {found.url} for {found.audience}" if found else "no issuer of tokens; keys only"
        yield Finding(what="sign-on", fine=True, detail=detail)
    except TwinError as error:
        yield Finding(what="sign-on", fine=False, detail=str(error))
    if settings.audit.exists():
        with closing(SQLiteLog(settings.audit)) as log:
            verdict = log.verify()
        yield Finding(what="audit log", fine=verdict.fine, detail=verdict.detail)


def _names(settings: Settings) -> Finding:
    """By which names it is asked."""
    try:
        named = ", ".join(sorted(access.hosts(settings)))
    except TwinError as error:
        return Finding(what="names", fine=False, detail=str(error))
    own = ", ".join(sorted(machine()))
    unset = (
        f"this machine's ({own}) and addresses; a name that others use, or a proxy has, goes into TWIN_HOSTS"
    )
    return Finding(what="names", fine=True, detail=named or unset)


def _home(settings: Settings) -> Iterator[Finding]:
    if not stores.exists(settings):
        yield Finding(
            what="home",
            fine=True,
            detail=f"{settings.home} is empty: twin ingest FILE --layer ID, or twin demo",
        )
        return
    if ingest.listening(settings):
        yield Finding(what="server", fine=True, detail=f"runs in {settings.home}")
        return
    try:
        with opened(settings) as store:
            states = store.layers(Policy.open())
            yield Finding(what="store", fine=True, detail=f"{len(states)} layers, commit {store.last()}")
            yield _files(settings, sum(s.count for s in states if s.layer.kind in RASTERS))
    except TwinError as error:
        yield Finding(what="store", fine=False, detail=str(error))


def _files(settings: Settings, rasters: int) -> Finding:
    there = len(list(settings.rasters.glob("*.tif"))) if settings.rasters.exists() else 0
    return Finding(
        what="rasters", fine=there >= rasters, detail=f"{there} files for {rasters} rasters that stand now"
    )
