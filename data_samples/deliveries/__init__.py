"""The county's facts as the offices of a county really send them, with planted faults and an answer sheet.

`write(county, folder)` reads what `county.write` put into its folder and writes files in the encodings,
headers and coordinates that arrive on a desk, and `answers.json`, which names every fault that was planted
and the words that a report must find for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from data_samples.deliveries import answers, drawing, facts, hotline, houses, pipe_book, stops

if TYPE_CHECKING:
    from pathlib import Path

    from data_samples.deliveries.answers import Answers

FOLDER = "deliveries"
"""Of a county's folder, where `--deliveries` writes them."""


def write(county: Path, folder: Path) -> Answers:
    """Write the deliveries of a county into a folder; returns the answer sheet, which lies there too."""
    folder.mkdir(parents=True, exist_ok=True)
    known = facts.read(county)
    sheet = answers.Answers(
        deliveries=(
            houses.write(known, folder),
            stops.write(known, folder),
            pipe_book.write(known, folder),
            drawing.write(known, folder),
            *hotline.write(known, folder),
        )
    )
    answers.save(sheet, folder)
    return sheet
