"""The report of a delivery as a workbook, for senders who have no browser in the county's network.

Every value is written as text or as a number: what begins with `=`, `+`, `-` or `@` in a delivery stays what it is.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import xlsxwriter

from pipelines.reporting import KINDS
from pipelines.reporting_words import WORDS

MEDIA_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
OPTIONS: Final = {
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}
LONGEST: Final = 32_767
"""Characters that a cell holds."""
COUNTS: Final = ("read", "accepted", "quarantined", *KINDS, "unchanged", "kept")


def workbook(document: Mapping[str, Any], lang: str) -> bytes:
    """The document of `pipelines.reporting.document` as three sheets: summary, refused rows, changes.

    Args:
        lang: zh or en.
    """
    words = {name: both[lang == "en"] for name, both in WORDS.items()}
    sink = io.BytesIO()
    with xlsxwriter.Workbook(sink, OPTIONS) as book:
        bold = book.add_format({"bold": True, "bottom": 1})
        _sheet(book, words["report"], (), _summary(document, words, lang), bold, widths=(22, 80))
        heads = [words[n] for n in ("row", "cell", "column", "reason", "original", "lon", "lat")]
        _sheet(book, words["refused"], heads, _refused(document), bold, widths=(10, 16, 18, 60, 60, 12, 12))
        heads = [words["change"], words["id"]]
        _sheet(book, words["changes"], heads, _changes(document, words), bold, widths=(22, 60))
    return sink.getvalue()


def _sheet(
    book: Any,
    name: str,
    heads: Sequence[str],
    rows: Iterable[Sequence[Any]],
    bold: Any,
    *,
    widths: Sequence[int],
) -> None:
    sheet = book.add_worksheet(name)
    for column, width in enumerate(widths):
        sheet.set_column(column, column, width)
    for column, head in enumerate(heads):
        sheet.write_string(0, column, head, bold)
    if heads:
        sheet.freeze_panes(1, 0)
    for line, row in enumerate(rows, start=1 if heads else 0):
        for column, value in enumerate(row):
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                sheet.write_number(line, column, value)
            elif value is not None and value != "":
                sheet.write_string(line, column, str(value)[:LONGEST])


def _summary(document: Mapping[str, Any], words: Mapping[str, str], lang: str) -> Iterable[Sequence[Any]]:
    report, card = document["report"], document["card"]
    title = document["title"][lang] or document["title"]["zh"] or document["title"]["en"]
    yield words["layer"], f"{title} ({document['layer']})"
    yield words["number"], document["n"]
    for name in ("at", "dated", "source", "reader"):
        yield words[name], report[name]
    for name in COUNTS:
        yield words[name], report[name]
    for name in ("crs", "vertical", "place"):
        yield words[name], report[name]
    yield words["extent"], ", ".join(f"{v:.6f}" for v in report["extent"] or ())
    for name in ("owner", "date", "age_days", "due", "accuracy", "statement", "licence"):
        yield words[name], card[name]
    if card["overdue"]:
        yield words["due"], words["overdue"]
    if len(document["refused"]) < report["quarantined"]:
        yield words["refused"], words["some"].format(n=len(document["refused"]), of=report["quarantined"])
    if not document["changes"]["listed"]:
        yield words["changes"], words["unlisted"]
    for note in report["notes"]:
        yield words["note"], note


def _refused(document: Mapping[str, Any]) -> Iterable[Sequence[Any]]:
    for row in document["refused"]:
        names = [row[n] for n in ("row", "cell", "column", "reason", "original")]
        yield *names, *(row["place"] or (None, None))


def _changes(document: Mapping[str, Any], words: Mapping[str, str]) -> Iterable[Sequence[Any]]:
    for kind in KINDS:
        for id_ in document["changes"][kind]["ids"]:
            yield words[kind], id_
