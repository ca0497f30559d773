"""Attributes of CityGML objects: the standard's, generic ones, and those of extensions (ADE)."""

from __future__ import annotations

from typing import Any, Final

from pipelines.readers.xml_stream import Element, local, namespace

INTEGERS: Final = ("storeysAboveGround", "storeysBelowGround", "intAttribute")
NUMBERS: Final = ("measuredHeight", "doubleAttribute", "measureAttribute")
STANDARD: Final = ("http://www.opengis.net/gml", "http://www.opengis.net/citygml/")
KEPT: Final = ("externalReference",)
"""Structured members of the standard that are kept as they are."""


def attributes_of(element: Element) -> dict[str, Any]:
    """Name -> value of the members of an object that are not geometry, objects or appearance.

    Simple members under their own name, generic attributes under theirs, an extension's structures as nested
    objects, the address as one line. A member that comes several times is a list.
    """
    found: dict[str, Any] = {}
    for child in element:
        if not isinstance(child.tag, str):
            continue
        name, value = _member(child)
        if value is not None:
            _add(found, name, value)
    return found


def _member(child: Element) -> tuple[str, Any]:
    name = local(child)
    if "citygml/generics" in namespace(child):
        return str(child.get("name", name)), _generic(child)
    if name == "address":
        return name, " ".join(" ".join(child.itertext()).split()) or None
    if len(child) == 0:
        return name, _typed(name, child.text)
    if name in KEPT or not namespace(child).startswith(STANDARD):
        return name, structure(child)
    return name, None


def _generic(child: Element) -> Any:
    """The value of a generic attribute; of a set, its attributes by name."""
    if local(child) == "genericAttributeSet":
        return {str(c.get("name")): _generic(c) for c in child if c.get("name")}
    return next((_typed(local(child), c.text) for c in child if local(c) == "value"), None)


def structure(element: Element) -> Any:
    """An element as JSON: its text, or its members by name; several of one name are a list."""
    if len(element) == 0:
        return (element.text or "").strip() or None
    found: dict[str, Any] = {}
    for child in element:
        _add(found, local(child), structure(child))
    return found


def _add(found: dict[str, Any], name: str, value: Any) -> None:
    if name not in found:
        found[name] = value
    elif isinstance(found[name], list):
        found[name].append(value)
    else:
        found[name] = [found[name], value]


def _typed(name: str, text: str | None) -> Any:
    word = (text or "").strip()
    if not word:
        return None
    try:
        if name in INTEGERS:
            return int(word)
        return float(word) if name in NUMBERS else word
    except ValueError:
        return word
