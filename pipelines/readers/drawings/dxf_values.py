"""What a drawing says of an entity: its layer, colour, words, attributes, and the codes in its extended data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import ezdxf.colors
from ezdxf.document import Drawing

from pipelines.readers import attributes

FIXED: Final[dict[str, attributes.Type]] = {
    "id": "string",
    "code": "string",
    "cad_layer": "string",
    "entity": "string",
    "text": "string",
    "block": "string",
    "rotation": "number",
    "text_height": "number",
    "color": "string",
    "linetype": "string",
    "hidden": "boolean",
    "xdata": "string",
}
"""Columns of every drawing; `xdata` is JSON, application -> its group codes and values."""
CODED: Final = "SOUTH"
"""The application (CASS) whose first text is the feature code."""
BYBLOCK, BYLAYER = 0, 256


def types_of(found: list[tuple[str, Any]]) -> dict[str, attributes.Type]:
    """The columns: the fixed ones, and one for each attribute tag."""
    tags = {own(tag) for _, entity in found for tag, _ in tags_of(entity)}
    return FIXED | dict.fromkeys(sorted(tags), "string")


def values_of(name: str, entity: Any, drawing: Drawing) -> dict[str, Any]:
    """Column -> value."""
    layer = layer_of(entity, drawing)
    data = xdata(entity)
    dxf = entity.dxf
    found: dict[str, Any] = {
        "id": name,
        "code": next((value for code, value in data.get(CODED, []) if code == 1000), None),
        "cad_layer": clean(str(dxf.layer)),
        "entity": entity.dxftype(),
        "text": text_of(entity),
        "block": clean(str(dxf.name)) if entity.dxftype() == "INSERT" else None,
        "rotation": float(dxf.rotation) if dxf.hasattr("rotation") else None,
        "text_height": text_height(entity),
        "color": color_of(entity, layer),
        "linetype": clean(str(dxf.linetype)) if dxf.hasattr("linetype") else None,
        "hidden": is_hidden(entity, layer),
        "xdata": json.dumps(data, ensure_ascii=False) if data else None,
    }
    for tag, text in tags_of(entity):
        column = own(tag)
        found[column] = f"{found[column]}; {text}" if found.get(column) else text
    return found


def own(tag: str) -> str:
    """The column of an attribute tag."""
    return f"{tag}_" if tag.casefold() in FIXED else tag


def tags_of(entity: Any) -> Iterator[tuple[str, str]]:
    """Tag and text of an insert's attributes."""
    for each in entity.attribs if entity.dxftype() == "INSERT" else ():
        text = clean(str(each.dxf.text)).strip()
        if text and each.dxf.tag:
            yield clean(str(each.dxf.tag)).strip(), text


def xdata(entity: Any) -> dict[str, list[list[Any]]]:
    """Application -> [group code, value] …; positions are lists, bytes are hexadecimal."""
    if entity.xdata is None:
        return {}
    return {
        clean(str(app)): [[tag.code, _plain(tag.value)] for tag in tags[1:]]
        for app, tags in entity.xdata.data.items()
    }


def _plain(value: Any) -> Any:
    if isinstance(value, int | float):
        return value
    if isinstance(value, bytes):
        return value.hex()
    return clean(value) if isinstance(value, str) else [float(v) for v in value]


def text_of(entity: Any) -> str | None:
    """The words of a text, without formatting."""
    kind = entity.dxftype()
    if kind in ("TEXT", "MTEXT"):
        return clean(entity.plain_text()).strip() or None
    return None


def text_height(entity: Any) -> float | None:
    """Of letters, drawing units."""
    attribute = {"TEXT": "height", "MTEXT": "char_height"}.get(entity.dxftype())
    return float(entity.dxf.get(attribute, 0.0)) or None if attribute else None


def layer_of(entity: Any, drawing: Drawing) -> Any | None:
    """The entry in the layer table; None where the drawing has none."""
    name = entity.dxf.layer
    return drawing.layers.get(name) if name in drawing.layers else None


def is_hidden(entity: Any, layer: Any | None) -> bool:
    """Whether the drawing does not show it."""
    return bool(entity.dxf.get("invisible", 0)) or (
        layer is not None and (layer.is_off() or layer.is_frozen())
    )


def color_of(entity: Any, layer: Any | None) -> str | None:
    """`#rrggbb`: the entity's own, else its layer's."""
    if entity.rgb is not None:
        return "#{:02x}{:02x}{:02x}".format(*entity.rgb)
    index = entity.dxf.get("color", BYLAYER)
    if index == BYLAYER and layer is not None:
        if layer.rgb is not None:
            return "#{:02x}{:02x}{:02x}".format(*layer.rgb)
        index = abs(layer.dxf.color)
    if not BYBLOCK < index < BYLAYER:
        return None
    return "#{:02x}{:02x}{:02x}".format(*ezdxf.colors.aci2rgb(index))


def clean(text: str) -> str:
    """Text in which bytes that were not of the drawing's encoding are marked."""
    return text.encode("utf-8", "replace").decode("utf-8") if _broken(text) else text


def _broken(text: str) -> bool:
    return any("\ud800" <= c <= "\udfff" for c in text)
