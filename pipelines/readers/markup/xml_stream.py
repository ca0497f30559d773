"""XML read member by member, without anything in it reaching outside of itself.

No DOCTYPE (so no entities), no XInclude, no network, no schema is fetched; depth and the length of a text
are limited by libxml2 (256 levels, 10 MB).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from lxml import etree

from twin.errors import TooLarge, TwinError, UnreadableFile, UnsafeContent

Element = Any
"""An lxml element."""
INCLUDE: Final = "{http://www.w3.org/2001/XInclude}include"


def members(path: Path) -> Iterator[Element]:
    """The root as soon as it begins, then each of its children when it is complete; a child is gone after it.

    Raises: as `events`.
    """
    for event, element, depth in events(path):
        if event == "start" and depth == 0:
            yield element
        elif event == "end" and depth == 1:
            yield element
            forget(element)


def events(path: Path) -> Iterator[tuple[str, Element, int]]:
    """`start` and `end` of each element with the number of elements around it; the caller forgets what it has.

    Raises:
        UnsafeContent: a DOCTYPE, an XInclude, more than 256 levels.
        TooLarge: a text of more than 10 MB.
        UnreadableFile: not well-formed; says the line.
    """
    depth = 0
    try:
        for event, element in _events(path):
            if event == "end":
                depth -= 1
                yield event, element, depth
                continue
            if depth == 0:
                _refuse_doctype(element, path.name)
            if element.tag == INCLUDE:
                raise UnsafeContent(
                    f"{path.name}: an xi:include at line {element.sourceline}; none is followed"
                )
            yield event, element, depth
            depth += 1
    except etree.XMLSyntaxError as error:
        raise _refusal(path.name, error) from error


def local(element: Element) -> str:
    """The name without its namespace."""
    return str(element.tag).rpartition("}")[2]


def namespace(element: Element) -> str:
    """The namespace of the name; empty without one."""
    return str(element.tag).rpartition("}")[0].removeprefix("{")


def _events(path: Path) -> Iterator[tuple[str, Element]]:
    with path.open("rb") as file:
        yield from etree.iterparse(
            file,
            events=("start", "end"),
            no_network=True,
            load_dtd=False,
            resolve_entities=False,
            huge_tree=False,
            collect_ids=False,
            remove_comments=True,
            remove_pis=True,
        )


def _refuse_doctype(root: Element, name: str) -> None:
    info = root.getroottree().docinfo
    if info.doctype or info.internalDTD is not None:
        raise UnsafeContent(f"{name}: it has a DOCTYPE; geographic data has none, and entities are not read")


def forget(element: Element) -> None:
    """Free an element that has been read, and those before it under the same parent."""
    element.clear(keep_tail=False)
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]


def _refusal(name: str, error: etree.XMLSyntaxError) -> TwinError:
    said = str(error)
    if "depth" in said:
        return UnsafeContent(f"{name}: depth: elements nested more than 256 deep")
    if "huge text" in said or "too long" in said or "limit" in said.lower():
        return TooLarge(f"{name}: a text of more than 10,000,000 bytes")
    if "DTD" in said or "Entity" in said:
        return UnsafeContent(f"{name}: entities are not read: {said}")
    return UnreadableFile(f"{name}: not well-formed XML: {said}")
