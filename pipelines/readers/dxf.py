"""DXF drawings, as CASS and designers write them: entities of the model space as rows.

Coordinates are those of the CRS that the caller names. Where they lie outside of its area and the drawing
states another unit ($INSUNITS), under which they lie inside, that unit is used, and it is said.

See: Autodesk DXF Reference; the ezdxf documentation.
"""

from __future__ import annotations

import codecs
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import ezdxf
import ezdxf.units
import numpy as np
import pyproj
import shapely
from ezdxf.document import Drawing
from ezdxf.enums import InsertUnits
from ezdxf.filemanagement import readfile
from ezdxf.lldxf.const import DXF2007, DXFError

from pipelines.readers import dwg, rows
from pipelines.readers.drawings.dxf_shapes import CURVED, READ, shape_of
from pipelines.readers.drawings.dxf_values import clean, is_hidden, layer_of, types_of, values_of
from pipelines.readers.drawings.dxf_walk import entities
from pipelines.readers.models import schematic
from pipelines.readers.reader import Options, Part, Reader
from pipelines.readers.rows import Found
from pipelines.readers.stated import crs_of
from twin.errors import InvalidGeometry, InvalidParameter, UnreadableFile
from twin.model import Rejected

TOLERANCE: Final = 0.01
"""Metres between an arc and its chords."""
ASIDE: Final = (
    "DIMENSION", "ARC_DIMENSION", "LEADER", "MULTILEADER", "TOLERANCE", "VIEWPORT", "ATTDEF", "IMAGE", "WIPEOUT",
    "OLE2FRAME", "PDFUNDERLAY", "DWFUNDERLAY", "DGNUNDERLAY", "LIGHT", "SUN", "ACAD_TABLE",
)  # fmt: skip
"""What a drawing says about itself: no features."""
FOREIGN: Final = ("ACAD_PROXY_ENTITY", "ACAD_PROXY_OBJECT")
FAULTS: Final = (
    DXFError, InvalidGeometry, shapely.errors.GEOSException, ValueError, ArithmeticError, LookupError,
    TypeError, AttributeError, RecursionError, StopIteration,
)  # fmt: skip
"""What reading a broken entity raises, here and in ezdxf."""
SAMPLE: Final = 1000
WESTERN: Final = "cp1252"


def read(paths: tuple[Path, ...], options: Options) -> Iterator[Part]:
    """The model space of each drawing.

    Raises:
        UnknownCRS: no `--crs`; a drawing cannot state one.
        UnreadableFile: broken, cut off, or nothing in model space. UnsupportedFormat: it is a DWG.
        InvalidParameter: its text is in another encoding than it states. TooLarge: see `dxf_walk.entities`.
    """
    for path in paths:
        yield _drawing(path, options)


def _drawing(path: Path, options: Options) -> Part:
    crs, _ = crs_of(path.name, None, options)
    drawing = opened(path, options)
    found = list(entities(drawing))
    if not found:
        raise UnreadableFile(f"{path.name} has nothing in model space{_elsewhere(drawing)}")
    metres = crs.axis_info[0].unit_conversion_factor if not crs.is_geographic else 1 / 111_320
    items = list(_items(found, drawing, TOLERANCE / metres))
    factor, said = _unit(items, drawing, crs, options)
    notes = (*_notes(found, drawing), *said)
    return Part(
        batches=rows.batches((_scaled(item, factor) for item in items), types_of(found), crs),
        rows=len(items),
        notes=notes,
    )


def opened(path: Path, options: Options) -> Drawing:
    """The drawing.

    Raises: as `read`.
    """
    dwg.refuse(path)
    encoding = _known(options.encoding) if options.encoding else None
    try:
        drawing = readfile(path, encoding=encoding)
    except FAULTS as error:
        said = str(error).replace(str(path), path.name)[:200]
        raise UnreadableFile(f"{path.name} is damaged or cut off: {said}; export it again") from error
    except OSError as error:
        raise UnreadableFile(f"{path.name} is no DXF: it does not begin as one does") from error
    if encoding is None:
        _refuse_garbled(path, drawing)
    return drawing


def _known(name: str) -> str:
    try:
        return codecs.lookup(name.strip()).name
    except LookupError as error:
        raise InvalidParameter(
            f"no encoding is known as {name[:200]!r}; for example gb18030, utf-8"
        ) from error


def _refuse_garbled(path: Path, drawing: Drawing) -> None:
    """Drawings with Chinese text that state, or leave out, a western code page."""
    if drawing.encoding != WESTERN or drawing.dxfversion >= DXF2007:
        return
    texts = [str(layer.dxf.name) for layer in drawing.layers]
    texts += [
        str(e.dxf.text) for e, _ in zip(drawing.modelspace().query("TEXT"), range(SAMPLE), strict=False)
    ]
    raw = [t.encode(WESTERN, "surrogateescape") for t in texts if not t.isascii() and _western(t)]
    try:
        words = [r.decode("gb18030") for r in raw]
    except UnicodeDecodeError:
        return
    if words and all(any("\u4e00" <= c <= "\u9fff" for c in w) for w in words):
        raise InvalidParameter(
            f"{path.name} states the code page {WESTERN}, but its text reads as Chinese ({words[0][:20]});"
            " pass --encoding GB18030"
        )


def _western(text: str) -> bool:
    try:
        text.encode(WESTERN, "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


def _items(found: Sequence[tuple[str, Any]], drawing: Drawing, sagitta: float) -> Iterator[Found | Rejected]:
    for number, (name, entity) in enumerate(found):
        kind = entity.dxftype()
        if kind in ASIDE:
            continue
        if kind not in READ:
            yield Rejected(row=name, column="entity", reason=_unread(kind), original=_original(entity))
            continue
        try:
            yield Found(
                number=number, shape=shape_of(entity, sagitta), values=values_of(name, entity, drawing)
            )
        except FAULTS as error:
            reason = f"geometry: {str(error)[:300] or type(error).__name__}"
            yield Rejected(row=name, column="geometry", reason=reason, original=_original(entity))


def _unread(kind: str) -> str:
    if kind in FOREIGN:
        return f"{kind}: another program's object; explode it, or export for plain AutoCAD (天正: T3), and try again"
    return f"{kind} is not read; explode it into lines, or export it as faces"


def _original(entity: Any) -> str:
    return f"{entity.dxftype()} on layer {clean(str(entity.dxf.get('layer', '0')))}"


def _unit(
    items: Sequence[Found | Rejected], drawing: Drawing, crs: pyproj.CRS, options: Options
) -> tuple[float, tuple[str, ...]]:
    """What coordinates are multiplied by, and what is to be said of it."""
    places = [shapely.get_coordinates(i.shape)[0] for i in items if isinstance(i, Found)]
    stated = InsertUnits(drawing.units)
    if not places or crs.is_geographic or stated == InsertUnits.Unitless:
        return 1.0, ()
    name = ezdxf.units.decode(stated)
    factor = (
        ezdxf.units.conversion_factor(stated, InsertUnits.Meters) / crs.axis_info[0].unit_conversion_factor
    )
    if np.isclose(factor, 1.0, rtol=1e-9):
        return 1.0, ()
    shift = np.array((options.shift or (0.0, 0.0))[:2])
    as_written = _inside(np.array(places) + shift, crs)
    if not as_written and _inside(np.array(places) * factor + shift, crs):
        return factor, (
            f"the drawing is in {name}: coordinates were multiplied by {factor:g} for {crs.name}",
        )
    return 1.0, (f"the drawing states the unit {name}; its coordinates were taken as those of {crs.name}",)


def _inside(xy: np.typing.NDArray[np.float64], crs: pyproj.CRS) -> bool:
    outside, impossible = schematic.astray(xy, crs)
    return not (outside or impossible)


def _scaled(item: Found | Rejected, factor: float) -> Found | Rejected:
    if factor == 1.0 or isinstance(item, Rejected):
        return item
    shape = shapely.transform(item.shape, lambda p: p * factor, include_z=True)
    height = item.values.get("text_height")
    values = {**item.values, "text_height": height and height * factor}
    return Found(number=item.number, shape=shape, values=values)


def _elsewhere(drawing: Drawing) -> str:
    paper = _paper(drawing)
    return f"; {paper}: move what is to go in to model space" if paper else ""


def _paper(drawing: Drawing) -> str:
    """What lies in paper space."""
    held = {
        layout.name: sum(e.dxftype() not in ASIDE for e in layout)
        for layout in drawing.layouts
        if layout.is_any_paperspace
    }
    return ", ".join(
        f"{count:,} entities are in paper space {clean(name)!r}" for name, count in held.items() if count
    )


def _notes(found: Sequence[tuple[str, Any]], drawing: Drawing) -> tuple[str, ...]:
    kinds = Counter(entity.dxftype() for _, entity in found)
    aside = ", ".join(f"{kinds[k]:,} {k}" for k in ASIDE if kinds[k])
    hidden = [e for _, e in found if is_hidden(e, layer_of(e, drawing))]
    layers = ", ".join(sorted({clean(str(e.dxf.layer)) for e in hidden})[:10])
    outside = sorted(clean(b.name) for b in drawing.blocks if b.block is not None and b.block.is_xref)
    broken = sum("\ufffd" in clean(str(layer.dxf.name)) for layer in drawing.layers)
    paper = _paper(drawing)
    said = (
        (paper, f"{paper}; they were left out"),
        (aside, f"left out, since they only annotate: {aside}"),
        (
            hidden,
            f"{len(hidden):,} entities that the drawing hides (off, frozen) went in, marked hidden: {layers}",
        ),
        (outside, f"external references were not opened: {', '.join(outside)}"),
        (
            kinds["INSERT"],
            f"{kinds['INSERT']:,} blocks went in as the points where they are put, with their attributes",
        ),
        (
            broken,
            f"{broken} layer names hold bytes that are not {drawing.encoding}; name the encoding with --encoding",
        ),
        (any(kinds[k] for k in CURVED), f"arcs and curves are drawn as chords within {TOLERANCE} m of them"),
    )
    return tuple(sentence for wanted, sentence in said if wanted)


READER = Reader(name="dxf", title="DXF drawing", suffixes=(".dxf",), read=read)
