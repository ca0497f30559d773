"""Backgrounds of a site: `backgrounds.toml` in TWIN_HOME, one section each.

    [tianditu]
    url = "https://t{s}.tianditu.gov.cn/img_c/wmts?SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0&LAYER=img&STYLE=default\
&TILEMATRIXSET=c&FORMAT=tiles&TILEMATRIX={z}&TILEROW={y}&TILECOL={x}&tk={key}"
    crs = "EPSG:4490"              EPSG:3857, EPSG:4490 or EPSG:4326
    levels = [1, 18]               as the service numbers them
    zero = 1                       its number of the level at which the world is one tile (3857) or two (4490, 4326)
    matrices = ["EPSG:4326:0"]     where its levels have names: those of `levels`, in their order
    subdomains = "01234567"        what {s} stands for, a character each; or a list
    key = "…"                      what {key} stands for; it never leaves the server
    title = "天地图影像"            so title_en
    attribution = "天地图"
    size = 256                     pixels of a tile's side
    bbox = [73.0, 3.0, 136.0, 54.0]

`{-y}` counts rows from the south. No message of ours holds an address or a key.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

from twin.errors import InvalidParameter, NotFound, TileNotFound, UnreadableFile

FILE: Final = "backgrounds.toml"
NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")
KNOWN: Final = frozenset({"z", "x", "y", "-y", "s", "key"})
TILINGS: Final = {"EPSG:3857": "mercator", "EPSG:4490": "geographic", "EPSG:4326": "geographic"}
"""CGCS2000 and WGS 84 lie less than a metre apart; a picture is the same in both."""
DEEPEST: Final = 24


@dataclass(frozen=True, kw_only=True)
class Background:
    """A map of somebody else."""

    name: str
    url: str = field(repr=False)
    crs: str = "EPSG:3857"
    levels: tuple[int, int] = (0, 18)
    zero: int = 0
    matrices: tuple[str, ...] = ()
    subdomains: tuple[str, ...] = ()
    key: str = field(default="", repr=False)
    title: str = ""
    title_en: str = ""
    attribution: str = ""
    size: int = 256
    bbox: tuple[float, float, float, float] | None = None

    @property
    def host(self) -> str:
        """Whose it is, for messages to whoever runs the server."""
        return urlsplit(self.url).hostname or ""

    @property
    def range(self) -> tuple[int, int]:
        """First and last level, 0 being the world in one tile (mercator) or two (geographic)."""
        return self.levels[0] - self.zero, self.levels[1] - self.zero


def load(home: Path) -> dict[str, Background]:
    """The backgrounds of a home by name; none where there is no file.

    Raises:
        UnreadableFile: it is no TOML. InvalidParameter: a section is wrong; names it and the key, no value.
    """
    return {name: checked(name, said) for name, said in sections(home).items()}


def sections(home: Path) -> dict[str, Any]:
    """What the file says, unchecked."""
    path = home / FILE
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"\(at .*\)", str(error))
        raise UnreadableFile(f"{FILE} is no TOML {at[0] if at else ''}".rstrip()) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFile(f"{FILE} cannot be read: {type(error).__name__}") from None


def checked(name: str, said: Any) -> Background:
    """A background of what a section says.

    Raises:
        InvalidParameter: a key is missing, unknown or of another form; names it, never its value.
    """
    if not NAME.fullmatch(name) or not isinstance(said, dict):
        raise InvalidParameter(f"{FILE}: a background is a section named by a-z, 0-9, _ and -: [tianditu]")
    known = {f.name for f in fields(Background)} - {"name"}
    if strange := sorted(set(said) - known):
        raise InvalidParameter(
            f"{FILE}: [{name}] has no key {', '.join(strange)}; there are {', '.join(sorted(known))}"
        )
    if "url" not in said:
        raise InvalidParameter(f"{FILE}: [{name}] needs a url")
    try:
        made = Background(name=name, **{k: _value(k, v) for k, v in said.items()})
    except (TypeError, ValueError):
        made = None
    if made is None or (wrong := _wrong(made)):
        raise InvalidParameter(
            f"{FILE}: [{name}] {wrong if made else 'has a value of another form than it takes'}"
        )
    return made


def _value(key: str, value: Any) -> Any:
    """A value of TOML as the field takes it. Raises TypeError or ValueError for one of another form."""
    match key:
        case "levels":
            return _list(value, int, 2)
        case "bbox":
            return tuple(map(float, _list(value, (int, float), 4)))
        case "matrices" | "subdomains":
            return tuple(value) if isinstance(value, str) and key == "subdomains" else _list(value, str)
        case "zero" | "size":
            return _one(value, int)
        case _:
            return _one(value, str)


def _one(value: Any, kind: Any) -> Any:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError
    return value


def _list(value: Any, kind: Any, count: int | None = None) -> tuple[Any, ...]:
    if not isinstance(value, Sequence) or (count is not None and len(value) != count):
        raise ValueError
    return tuple(_one(v, kind) for v in value)


def _wrong(made: Background) -> str:
    """What is wrong with a background; empty where nothing is."""
    first, last = made.range
    checks = (
        (made.crs in TILINGS, f"crs must be one of {', '.join(TILINGS)}"),
        (
            0 <= first <= last <= DEEPEST,
            f"levels and zero: levels are first and last, none before zero, at most {DEEPEST} deep",
        ),
        (
            not made.matrices or len(made.matrices) == last - first + 1,
            f"matrices must be one for each of the {last - first + 1} levels",
        ),
        (64 <= made.size <= 2048, "size must be from 64 to 2048 pixels"),
        (made.bbox is None or _box(made.bbox), "bbox must be west, south, east, north in degrees"),
    )
    return _wrong_url(made) or next((message for fits, message in checks if not fits), "")


def _wrong_url(made: Background) -> str:
    used = set(PLACEHOLDER.findall(made.url))
    if strange := sorted(used - KNOWN):
        names = ", ".join(f"{{{n}}}" for n in strange)
        return f"url has {names}; it may have {{z}}, {{x}}, {{y}} or {{-y}}, {{s}} and {{key}}"
    if not {"z", "x"} <= used or len(used & {"y", "-y"}) != 1:
        return "url needs {z}, {x} and one of {y} and {-y}"
    for name, there in (("s", made.subdomains), ("key", made.key)):
        word = "subdomains" if name == "s" else "key"
        if (name in used) != bool(there):
            return f"url and {word}: {{{name}}} stands for {word}; there is one without the other"
    return _wrong_host(made.url)


def _wrong_host(url: str) -> str:
    """A host must stand there as it is, but for a subdomain; the address holds no name or password."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        return "url is no address"
    if parts.scheme not in ("http", "https") or not host:
        return "url must begin with http:// or https:// and a host"
    if "@" in parts.netloc:
        return "url must hold no user or password"
    if set(PLACEHOLDER.findall(parts.netloc)) - {"s"}:
        return "url: the host may hold {s} and no other placeholder"
    if not url.isascii() or re.search(r"[\s\x00-\x1f\x7f]", url):
        return "url must be plain ASCII without blanks; others are percent-encoded"
    return ""


def _box(bbox: tuple[float, float, float, float]) -> bool:
    west, south, east, north = bbox
    return -180 <= west < east <= 180 and -90 <= south < north <= 90


def of(home: Path, name: str) -> Background:
    """The background of a name. Raises NotFound."""
    found = load(home).get(name)
    if found is None:
        raise NotFound(f"no background {name[:80]!r}")
    return found


def address(background: Background, z: int, x: int, y: int) -> str:
    """Where a tile of a background is; level 0 is the world, rows count from the north.

    Raises:
        TileNotFound: the level is none of the background's.
    """
    first, last = background.range
    if not first <= z <= last:
        raise TileNotFound(f"background {background.name!r} has levels {first} to {last}, not {z}")
    rows = (1 << z) if TILINGS[background.crs] == "mercator" else (1 << max(z, 0))
    matrix = background.matrices[z - first] if background.matrices else str(z + background.zero)
    spread = background.subdomains
    values = {
        "z": quote(matrix, safe=":"),
        "x": str(x),
        "y": str(y),
        "-y": str(rows - 1 - y),
        "s": spread[(x + y) % len(spread)] if spread else "",
        "key": quote(background.key, safe=""),
    }
    return PLACEHOLDER.sub(lambda found: values[found[1]], background.url)


def filled(url: str, subdomain: str, key: str) -> str:
    """An address that is no tile's, with subdomain and key filled in.

    Raises:
        InvalidParameter: it is none of http or https, or asks for what was not given.
    """
    if wrong := _wrong_host(url):
        raise InvalidParameter(wrong)
    values = {"s": subdomain, "key": quote(key, safe="")}
    for name in dict.fromkeys(PLACEHOLDER.findall(url)):
        if not values.get(name):
            raise InvalidParameter(f"the address has {{{name}}}, and nothing was given for it")
    return PLACEHOLDER.sub(lambda found: values[found[1]], url)


def add(home: Path, name: str, said: Mapping[str, Any]) -> Background:
    """Write a background down.

    Raises:
        InvalidParameter: it is wrong, or there is one of the name.
    """
    there = sections(home)
    if name in there:
        raise InvalidParameter(f"there is a background {name!r}; `twin background remove {name}` first")
    made = checked(name, dict(said))
    path = home / FILE
    before = path.read_text("utf-8").rstrip() + "\n\n" if path.exists() else ""
    _write(path, before + _section(name, said))
    return made


def remove(home: Path, name: str) -> None:
    """Take a background out; comments of the file go with it. Raises NotFound."""
    there = sections(home)
    if there.pop(name, None) is None:
        raise NotFound(f"no background {name[:80]!r}; there are {', '.join(there) or 'none'}")
    _write(home / FILE, "\n".join(_section(n, said) for n, said in there.items()))


def _section(name: str, said: Mapping[str, Any]) -> str:
    # JSON's strings, numbers and lists are TOML's as well.
    lines = (f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in said.items())
    return f"[{name}]\n{''.join(lines)}"


def _write(path: Path, text: str) -> None:
    """Aside and into place, its owner's alone: there are keys in it."""
    aside = path.with_suffix(".new")
    aside.unlink(missing_ok=True)
    aside.touch(mode=0o600)
    aside.write_text(text, "utf-8")
    aside.replace(path)
