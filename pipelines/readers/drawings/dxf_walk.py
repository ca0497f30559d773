"""The entities of a drawing's model space, with those of blocks that are drawings themselves.

A block that is put in once, unmoved, unturned and at its own size is a drawing in a block (a bound external
reference, a group): its entities are taken where they are. Every other insert is a symbol, one point.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ezdxf.document import Drawing

from twin.errors import TooLarge, UnreadableFile

DEPTH: Final = 16
"""Blocks in blocks."""
MOST: Final = 5_000_000
"""Entities of a drawing, those of blocks counted each time that they are put in."""


def entities(drawing: Drawing) -> Iterator[tuple[str, Any]]:
    """Id and entity, in the drawing's order.

    Raises:
        TooLarge: more entities than the limit, counted before any is taken.
        UnreadableFile: blocks nested too deep, or in a circle.
    """
    count = _count(drawing, list(drawing.modelspace()), {}, ())
    if count > MOST:
        raise TooLarge(f"{count:,} entities with those of nested blocks; the limit is {MOST:,}")
    yield from _walk(drawing, list(drawing.modelspace()), "")


def _walk(drawing: Drawing, found: list[Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for entity in found:
        name = f"{prefix}{entity.dxf.handle}"
        if is_drawing(drawing, entity):
            yield from _walk(drawing, list(drawing.blocks[entity.dxf.name]), f"{name}/")
        elif entity.dxftype() == "INSERT" and entity.mcount > 1:
            for number, each in enumerate(entity.multi_insert()):
                yield f"{name}-{number}", each
        else:
            yield name, entity


def _count(drawing: Drawing, found: list[Any], known: dict[str, int], inside: tuple[str, ...]) -> int:
    if len(inside) > DEPTH:
        raise UnreadableFile(
            f"blocks nested more than {DEPTH} deep, or in a circle: {' > '.join(inside[:4])} …"
        )
    total = 0
    for entity in found:
        if is_drawing(drawing, entity):
            name = entity.dxf.name
            if name not in known:
                known[name] = _count(drawing, list(drawing.blocks[name]), known, (*inside, name))
            total += known[name]
        else:
            total += entity.mcount if entity.dxftype() == "INSERT" else 1
    return total


def is_drawing(drawing: Drawing, entity: Any) -> bool:
    """Whether an insert puts a block where its own coordinates are."""
    if entity.dxftype() != "INSERT" or entity.mcount > 1 or entity.attribs:
        return False
    block = drawing.blocks.get(entity.dxf.name)
    if block is None or block.block is None or not len(block) or block.block.is_xref:
        return False
    dxf = entity.dxf
    moved = any(tuple(dxf.insert)) or any(tuple(block.block.dxf.base_point)) or dxf.rotation % 360
    sized = (dxf.xscale, dxf.yscale, dxf.zscale) != (1, 1, 1) or tuple(dxf.extrusion) != (0, 0, 1)
    return not (moved or sized)
