"""`python -m data_samples OUT [--seed N] [--until TIME] [--deliveries]` writes the sample county into a folder."""

from __future__ import annotations

import argparse
import sys
from datetime import datetime
from pathlib import Path

from data_samples import county, deliveries


def main() -> None:
    """Write the county where the command line says."""
    parser = argparse.ArgumentParser(prog="python -m data_samples", description=county.__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument(
        "--until", type=datetime.fromisoformat, help="when the observations end; default: this hour"
    )
    parser.add_argument(
        "--deliveries",
        action="store_true",
        help="also write the same facts as GBK shapefiles, workbooks, a drawing and phone pins, with planted faults",
    )
    given = parser.parse_args()
    contents = county.write(
        given.folder, seed=given.seed, until=given.until, progress=lambda part: sys.stderr.write(part + "\n")
    )
    if given.deliveries:
        sheet = deliveries.write(given.folder, given.folder / deliveries.FOLDER)
        faults = sum(len(each.faults) for each in sheet.deliveries)
        sys.stdout.write(f"{len(sheet.deliveries)} deliveries with {faults} planted faults\n")
    sys.stdout.write(f"{len(contents.layers)} files in {given.folder}\n")


if __name__ == "__main__":
    main()
