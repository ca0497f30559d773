"""The rules of a home, `rules.toml`, and the policies that they compile to.

No file: there are no rules and everything is open. A file, even an empty one: what no rule grants is not
there. A file that does not parse denies everything, and so does one that vanishes while a server runs.

    [[rule]]
    role = "planner"                      # or roles = ["planner", "mayor"]
    layers = ["buildings", "kind:roads"]  # or "*"
    rights = ["read", "write"]            # read alone when left out
    rows = "height < 50"                  # CQL2 text
    columns = { owner = "hidden", phone = { masked = "***" }, height = "read-only", "*" = "read-write" }
    area = "POLYGON ((…))"                # WKT, longitude latitude; area_mode = "intersect" | "clip"
    time = ["2020-01-01T00:00:00Z", ".."]
    snap = 50                             # metres; generalise = metres; scale = 5000
    valid = ["2026-01-01", ".."]          # when the rule itself is in force
"""

from __future__ import annotations

import hashlib
import re
import threading
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import shapely

from twin import cql2
from twin.errors import InvalidParameter, TwinError
from twin.model import OPEN, Interval
from twin.policy import EVERY, Area, Grant, Policy, Principal, Right
from twin.queryables import GEOMETRY, STANDARD

FILE: Final = "rules.toml"
KEYS: Final = (
    "role",
    "roles",
    "layers",
    "rights",
    "rows",
    "columns",
    "area",
    "area_mode",
    "time",
    "snap",
    "generalise",
    "scale",
    "valid",
)
ACCESSES: Final = ("hidden", "masked", "read-only", "read-write")
NOTHING: Final = Policy.of(())
BEGINNING: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """A grant, whom it is given to, and when."""

    roles: frozenset[str]
    grant: Grant
    start: datetime = BEGINNING
    end: datetime = OPEN


class Rules:
    """The rules of one home, read again when their file changes; safe to ask from several threads."""

    def __init__(self, path: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._path, self._now = path, now
        self._lock = threading.Lock()
        self._mark: tuple[int, int, int] | None = None
        self._rules: tuple[Rule, ...] | None = None
        self._problem: str | None = None
        self._epoch = 0
        self._policies: dict[tuple[frozenset[str], tuple[int, ...]], Policy] = {}
        self._refresh()

    @staticmethod
    def load(home: Path) -> Rules:
        """The rules of a home."""
        return Rules(home / FILE)

    @property
    def any(self) -> bool:
        """Whether there are rules; without them everything is open."""
        self._refresh()
        return self._rules is not None

    @property
    def epoch(self) -> int:
        """Grows whenever the rules have changed."""
        self._refresh()
        return self._epoch

    @property
    def problem(self) -> str | None:
        """Why the file cannot be used; everything is denied as long as there is one."""
        self._refresh()
        return self._problem

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules as they are, in the order of the file."""
        self._refresh()
        return self._rules or ()

    def policy(self, principal: Principal) -> Policy:
        """What a principal may see now; nothing once the credential has expired."""
        self._refresh()
        rules, now = self._rules, self._now()
        if rules is None:
            return Policy.open()
        if principal.until is not None and principal.until <= now:
            return NOTHING
        force = tuple(
            n
            for n, r in enumerate(rules)
            if (r.roles & principal.roles or EVERY in r.roles) and r.start <= now < r.end
        )
        with self._lock:
            found = self._policies.get((principal.roles, force))
            if found is None or rules is not self._rules:
                found = Policy.of(united(tuple(rules[n].grant for n in force)))
                if rules is self._rules:
                    self._policies[principal.roles, force] = found
            return found

    def _refresh(self) -> None:
        mark = _mark(self._path)
        if mark == self._mark and self._epoch:
            return
        with self._lock:
            if mark == self._mark and self._epoch:
                return
            before = self._rules
            self._rules, self._problem = _read(self._path, ruled=before is not None)
            self._mark, self._policies = mark, {}
            self._epoch += 1


def _mark(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    except OSError:
        return (0, 0, 0)
    return found.st_mtime_ns, found.st_size, found.st_ino


def _read(path: Path, *, ruled: bool) -> tuple[tuple[Rule, ...] | None, str | None]:
    """The rules, and what is wrong with them; none at all where there is no file and never was one."""
    try:
        return parse(path.read_text("utf-8")), None
    except FileNotFoundError:
        gone = f"{path.name} has vanished; everything is denied until it is back or the server starts anew"
        return ((), gone) if ruled else (None, None)
    except (OSError, UnicodeDecodeError, TwinError) as error:
        return (), f"{path.name}: {error}"


def parse(text: str) -> tuple[Rule, ...]:
    """The rules of a file.

    Raises:
        InvalidParameter: it is no TOML, or a rule says what nobody understands; names rule and line.
    """
    try:
        said = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidParameter(f"it does not parse: {error}") from error
    if unknown := sorted(set(said) - {"rule"}):
        raise InvalidParameter(f"no section {', '.join(unknown)}; there is only [[rule]]")
    if not isinstance(rules := said.get("rule", []), list):
        raise InvalidParameter("write [[rule]] with two brackets: there can be several")
    lines = [n for n, line in enumerate(text.splitlines(), 1) if re.match(r"\s*\[\[\s*rule\s*\]\]", line)]
    return tuple(_rule(n, rule, lines) for n, rule in enumerate(rules))


def _rule(number: int, said: Mapping[str, Any], lines: list[int]) -> Rule:
    where = f"rule {number + 1}" + (f" (line {lines[number]})" if number < len(lines) else "")
    try:
        if unknown := sorted(set(said) - set(KEYS)):
            raise InvalidParameter(f"no key {', '.join(unknown)}; there are {', '.join(KEYS)}")
        start, end = _period("valid", said.get("valid"))
        return Rule(roles=_roles(said), grant=_grant(said), start=start or BEGINNING, end=end or OPEN)
    except TwinError as error:
        raise InvalidParameter(f"{where}: {error}") from error


def _roles(said: Mapping[str, Any]) -> frozenset[str]:
    if ("role" in said) == ("roles" in said):
        raise InvalidParameter("say either role or roles")
    return frozenset(_names("roles", said.get("roles", said.get("role"))))


def _names(key: str, value: Any) -> tuple[str, ...]:
    names = (value,) if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not names or not all(isinstance(n, str) and n for n in names):
        raise InvalidParameter(f"{key} takes a name or a list of names, not {value!r}")
    return tuple(names)


def _grant(said: Mapping[str, Any]) -> Grant:
    if "layers" not in said:
        raise InvalidParameter('layers is missing; name some, or "*"')
    rights = set(_names("rights", said.get("rights", ["read"])))
    if rights - {"read", "write"}:
        raise InvalidParameter(f"rights are read and write, not {', '.join(sorted(rights))}")
    start, end = _period("time", said.get("time"))
    return Grant(
        layers=_names("layers", said["layers"]),
        write="write" in rights,
        rows=_rows(said.get("rows")),
        columns=_columns(said.get("columns", {})),
        area=_area(said.get("area"), said.get("area_mode")),
        time=None if start is None and end is None else Interval(start=start, end=end),
        **{key: _length(key, said.get(key)) for key in ("snap", "generalise", "scale")},
    )


def _rows(text: Any) -> Any:
    if text is None:
        return None
    if not isinstance(text, str):
        raise InvalidParameter(f"rows takes CQL2 text, not {text!r}")
    found = cql2.parse(text)
    if "recorded_to" in cql2.as_text(found):
        raise InvalidParameter("rows cannot depend on recorded_to: it changes when a row is superseded")
    return found


def _columns(said: Any) -> tuple[tuple[str, Right], ...]:
    if not isinstance(said, dict):
        raise InvalidParameter("columns takes a table of names and rights")
    if fixed := sorted({*STANDARD, GEOMETRY} & set(said)):
        raise InvalidParameter(
            f"{', '.join(fixed)}: every layer has it; only a layer's own columns have rights"
        )
    return tuple((name, _right(name, value)) for name, value in sorted(said.items()))


def _right(name: str, value: Any) -> Right:
    if (
        isinstance(value, dict)
        and set(value) == {"masked"}
        and isinstance(value["masked"], str | int | float)
    ):
        return Right(access="masked", mask=value["masked"])
    if value not in ACCESSES:
        raise InvalidParameter(
            f"column {name} is {value!r}; it may be {', '.join(ACCESSES)} or {{ masked = value }}"
        )
    return Right(access=value)


def _area(text: Any, mode: Any) -> Area | None:
    if text is None:
        if mode is not None:
            raise InvalidParameter("area_mode without an area")
        return None
    if mode not in (None, "intersect", "clip"):
        raise InvalidParameter(f"area_mode is intersect or clip, not {mode!r}")
    try:
        shape = shapely.from_wkt(text)
    except (shapely.errors.GEOSException, TypeError) as error:
        raise InvalidParameter(f"area is no WKT: {error}") from error
    west, south, east, north = shape.bounds
    inside = west >= -180 and east <= 180 and south >= -90 and north <= 90
    if (
        shape.geom_type not in ("Polygon", "MultiPolygon")
        or shape.is_empty
        or not shape.is_valid
        or not inside
    ):
        raise InvalidParameter("area takes a valid POLYGON or MULTIPOLYGON in longitude and latitude")
    return Area(geometry=shapely.to_wkb(shapely.force_2d(shape)), clip=mode == "clip")


def _length(key: str, value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e9:
        raise InvalidParameter(f"{key} takes a positive number, not {value!r}")
    return float(value)


def _period(key: str, value: Any) -> tuple[datetime | None, datetime | None]:
    if value is None:
        return None, None
    if not isinstance(value, list) or len(value) != 2:
        raise InvalidParameter(f'{key} takes a beginning and an end, ["2024-01-01T00:00:00Z", ".."]')
    start, end = (_moment(key, v) for v in value)
    if start is not None and end is not None and start >= end:
        raise InvalidParameter(f"{key} ends before it begins")
    return start, end


def _moment(key: str, value: Any) -> datetime | None:
    if value == "..":
        return None
    said = _iso(value) if isinstance(value, str) else value
    if not isinstance(said, date):
        raise InvalidParameter(f"{key}: {value!r} is no moment; write 2024-05-01T00:00:00Z or ..")
    read = said if isinstance(said, datetime) else datetime(said.year, said.month, said.day, tzinfo=UTC)
    return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)


def _iso(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def united(grants: tuple[Grant, ...]) -> tuple[Grant, ...]:
    """Grants with those that differ in their areas alone made one, so that pieces of a row join."""
    groups: dict[str, list[Grant]] = {}
    for grant in grants:
        alone = grant.area is None
        key = hashlib.sha256(repr((_without_area(grant), alone, grant.area and grant.area.clip)).encode())
        groups.setdefault(key.hexdigest(), []).append(grant)
    return tuple(_union(group) for group in groups.values())


def _without_area(grant: Grant) -> tuple[Any, ...]:
    g = grant
    return g.layers, g.write, g.rows, g.columns, g.time, g.snap, g.generalise, g.scale


def _union(grants: list[Grant]) -> Grant:
    first, areas = grants[0], [g.area for g in grants if g.area is not None]
    if len(areas) < 2:
        return first
    shape = shapely.union_all(shapely.from_wkb([a.geometry for a in areas]))
    return replace(first, area=Area(geometry=shapely.to_wkb(shape), clip=areas[0].clip))
