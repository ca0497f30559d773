"""The accounts, rules and audit log of a home, opened for a server or for one command."""

from __future__ import annotations

import hashlib
import os
import pwd
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Final

from api.access.identity import Access
from api.access.journal import Journal, said
from twin.accounts import SQLiteKeys
from twin.audit import Action, Entry, SQLiteLog
from twin.errors import InvalidParameter
from twin.model import Report
from twin.rules import FILE, Rules
from twin.settings import Settings

NAME: Final = re.compile(r"[a-z0-9._-]*|[0-9a-f:]*:[0-9a-f:.]*:[0-9a-f:.]*")
"""A host name, an IPv4 or an IPv6 address; one colon alone comes before a port."""


def now() -> datetime:
    """The moment."""
    return datetime.now(UTC)


@contextmanager
def opened(settings: Settings) -> Iterator[Access]:
    """What decides who asks; closed after the last request, when every row of the log is written.

    Raises:
        StoreDown: the keys or the log cannot be opened. InvalidParameter: the issuer's settings are not enough.
    """
    # Only servers need them: cryptography and an HTTP client take a quarter of a second.
    from api.access import oidc

    issuer = oidc.issuer(settings)
    rules = Rules.load(settings.home)
    with closing(SQLiteKeys(settings.accounts)) as keys, closing(SQLiteLog(settings.audit)) as log:
        journal = Journal(log, watch=changed(rules, settings))
        journal.add(said("the server begins", now()))
        try:
            yield Access(keys=keys, rules=rules, journal=journal, issuer=issuer)
        finally:
            journal.close([said("the server ends", now())])


def delivered(access: Access) -> Callable[[Report, int], None]:
    """What writes down a delivery that came through the home's socket, by the user id at its other end."""

    def heard(report: Report, uid: int) -> None:
        entry = Entry(
            time=now(),
            principal=user(uid),
            action=Action.WRITE,
            layer=report.layer,
            rows=report.accepted,
            note=delivery(report),
        )
        access.journal.add(entry)

    return heard


def delivery(report: Report) -> str:
    """A delivery in one line."""
    return f"delivery of {report.source[:200]!r}: {report.accepted} rows accepted, commit {report.commit}"


def changed(rules: Rules, settings: Settings) -> Callable[[], Sequence[Entry]]:
    """What tells, once for each change of the rules, what they are from now on."""
    epoch = -1

    def look() -> Sequence[Entry]:
        nonlocal epoch
        if rules.epoch == epoch:
            return ()
        epoch = rules.epoch
        return (said(told(rules, settings), now(), Action.RULES),)

    return look


def hosts(settings: Settings) -> frozenset[str]:
    """The names that the twin is asked by, besides its own machine's; none: the machine's names and addresses.

    Raises:
        InvalidParameter: one is no name, but an address of a page, or has a port.
    """
    found = [n.strip().lower().removeprefix("[").removesuffix("]") for n in settings.hosts.split(",")]
    for name in found:
        if not NAME.fullmatch(name):
            raise InvalidParameter(
                f"hosts: {name!r} is no host name; write names alone, such as twin.county.example"
            )
    return frozenset(name for name in found if name)


def told(rules: Rules, settings: Settings) -> str:
    """The rules in one line: how many, for whom, and which file it was."""
    if rules.problem:
        return f"everything is denied: {rules.problem}"
    if not rules.any:
        return "no rules: open"
    roles = sorted({role for rule in rules.rules for role in rule.roles})
    try:
        mark = hashlib.sha256((settings.home / FILE).read_bytes()).hexdigest()
    except OSError:
        mark = "unreadable"
    return (
        f"{len(rules.rules)} rules for {len(roles)} roles ({', '.join(roles)[:300]}); {FILE} sha-256 {mark}"
    )


def user(uid: int | None = None) -> str:
    """Whoever runs a command: who may open the home's files is its administrator."""
    uid = os.getuid() if uid is None else uid
    try:
        return f"local:{pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"local:{uid}"


def record(
    settings: Settings, action: Action, note: str, *, layer: str = "", rows: int | None = None
) -> None:
    """Write down what a command did. Raises StoreDown: then it is not to be done."""
    entry = Entry(time=now(), principal=user(), action=action, layer=layer, rows=rows, note=note[:1000])
    with closing(SQLiteLog(settings.audit)) as log:
        log.append([entry])
