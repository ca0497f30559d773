"""Attributes of CityGML objects: the standard's, generic ones, and those of extensions (ADE)."""

from __future__ import annotations

from typing import Any, Final

from pipelines.readers.markup.xml_stream import Element, local, namespace

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
    if name == "genericAttribute":
        return _named(child)
    value = _generic(child) if "citygml/generics" in namespace(child) else _of(name, child)
    return str(child.get("name", name)) if "citygml/generics" in namespace(child) else _renamed(
        name, child
    ), value


def _generic(child: Element) -> Any:
    """The value of a generic attribute; of a set, its attributes by name."""
    if local(child) == "genericAttributeSet":
        return {str(c.get("name")): _generic(c) for c in child if c.get("name")}
    return next((_typed(local(child), c.text) for c in child if local(c) == "value"), None)


def _renamed(name: str, child: Element) -> str:
    """What 3.0 calls `con:height` is `measuredHeight` before."""
    return "measuredHeight" if name == "height" and "construction" in namespace(child) else name


def _of(name: str, child: Element) -> Any:
    """The value of a member that is not generic; None for what is no attribute."""
    if _renamed(name, child) != name:
        figure = _value(child)
        return None if figure is None else _typed("measuredHeight", figure.text)
    if name == "address":
        return " ".join(" ".join(child.itertext()).split()) or None
    if len(child) == 0:
        return _typed(name, child.text)
    kept = name in KEPT or not namespace(child).startswith(STANDARD)
    return structure(child) if kept else None


def _named(prop: Element) -> tuple[str, Any]:
    """Name and value of a generic attribute of 3.0: `gen:name` and `gen:value` of what the property holds."""
    held = next(iter(prop), None)
    if held is None:
        return "genericAttribute", None
    name = next((c.text for c in held if local(c) == "name"), None) or "genericAttribute"
    if local(held) == "GenericAttributeSet":
        return name, dict(_named(c) for c in held if local(c) == "genericAttribute")
    kind = local(held)[:1].lower() + local(held)[1:]
    return name, next((_typed(kind, c.text) for c in held if local(c) == "value"), None)


def _value(prop: Element) -> Element | None:
    """The figure of a height of 3.0 in metres; None in another unit."""
    value = next((e for e in prop.iter() if local(e) == "value"), None)
    metres = value is not None and str(value.get("uom", "m")).lstrip("#").lower() in ("m", "metre", "meter")
    return value if metres else None


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
