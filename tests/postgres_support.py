"""A PostgreSQL with PostGIS of the tests' own: started once, a new database for whoever asks.

The server refuses to run as root, so root has it run by an account that may do nothing else.
"""

from __future__ import annotations

import atexit
import functools
import hashlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from adbc_driver_postgresql import dbapi

REQUIRED = "postgis" in os.environ.get("TWIN_TEST_REQUIRE", "").split(",")
TEMPLATE = "pattern"


@dataclass(frozen=True)
class Cluster:
    """A running server; its socket is in its folder."""

    binaries: Path
    folder: Path
    options: str

    def url(self, database: str, user: str = "postgres") -> str:
        return f"postgresql://{user}@/{database}?host={self.folder}"

    def run(self, *statements: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Statements, each by itself; the rows of the last one."""
        rows: list[tuple[object, ...]] = []
        with dbapi.connect(self.url(database), autocommit=True) as connection:
            for statement in statements:
                with connection.cursor() as cursor:
                    cursor.execute(statement)
                    rows = cursor.fetchall() if cursor.description else []
        return rows

    def control(self, *words: str) -> None:
        """`pg_ctl`, as the server's account."""
        command = [str(self.binaries / "pg_ctl"), "-D", str(self.folder / "data"), "-w", *words]
        subprocess.run([*_as_server(), *command], check=True, capture_output=True, timeout=60)

    def start(self) -> None:
        self.control("-l", str(self.folder / "log"), "-o", self.options, "start")

    def stop(self) -> None:
        self.control("-m", "immediate", "stop")


def _as_server() -> list[str]:
    return ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []


def _binaries() -> Path:
    """Where `initdb` and the others are, or a skip (a failure where TWIN_TEST_REQUIRE names `postgis`)."""
    found = [p.parent for p in sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))]
    if on_path := shutil.which("initdb"):
        found.append(Path(on_path).parent)
    control = list(Path("/usr/share/postgresql").glob("*/extension/postgis.control"))
    reason = ""
    if not found or not (control or shutil.which("initdb")):
        reason = "no PostgreSQL with PostGIS (apt: postgresql postgresql-15-postgis-3)"
    if reason and REQUIRED:
        pytest.fail(f"TWIN_TEST_REQUIRE names postgis, and there is {reason}")
    if reason:
        pytest.skip(reason)
    return found[-1]


@contextmanager
def running() -> Iterator[Cluster]:
    """A server of one's own, for those who stop it."""
    binaries = _binaries()
    folder = Path(tempfile.mkdtemp(prefix="twin-pg-"))
    if os.geteuid() == 0:
        account = pwd.getpwnam("postgres")
        os.chown(folder, account.pw_uid, account.pw_gid)
    folder.chmod(0o755)
    made = [
        str(binaries / "initdb"),
        "-D",
        str(folder / "data"),
        "-A",
        "trust",
        "--no-sync",
        "-U",
        "postgres",
    ]
    subprocess.run(
        [*_as_server(), *made, "-E", "UTF8", "--locale=C"], check=True, capture_output=True, timeout=120
    )
    options = (
        f"-c listen_addresses='' -c unix_socket_directories='{folder}' -c fsync=off -c max_connections=300"
    )
    cluster = Cluster(binaries, folder, options)
    cluster.start()
    try:
        cluster.run(f"CREATE DATABASE {TEMPLATE}")
        cluster.run("CREATE EXTENSION postgis", database=TEMPLATE)
        yield cluster
    finally:
        subprocess.run(
            [*_as_server(), str(binaries / "pg_ctl"), "-D", str(folder / "data"), "-m", "immediate", "stop"],
            check=False,
            capture_output=True,
        )
        shutil.rmtree(folder, ignore_errors=True)


@functools.cache
def shared() -> Cluster:
    """The server that all tests of a run share; it ends with them."""
    from twin.postgis.store import PostGISStore

    context = running()
    cluster = context.__enter__()
    atexit.register(context.__exit__, None, None, None)
    PostGISStore(cluster.url(TEMPLATE)).close()
    return cluster


def database(folder: Path) -> str:
    """The address of the database that belongs to a folder; new where the folder is."""
    cluster = shared()
    name = "t" + hashlib.sha256(str(folder).encode()).hexdigest()[:20]
    if not cluster.run(f"SELECT 1 FROM pg_database WHERE datname = '{name}'"):
        cluster.run(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    return cluster.url(name)
