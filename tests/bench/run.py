"""Run the benches, print their figures as a table, keep them as JSON.

    python tests/bench/run.py [--quick] [NAME …]

Every `bench_*.py` beside this file that has a BENCH is one. Ratios are of two sides that ran in the same
minute on the same machine; figures of two days or two machines are not to be compared.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import signal
import subprocess
import sys
import time
import traceback
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson
import psutil
from figures import ROOT, Bench, Figure

RESULTS = ROOT / "bench-results"
NAMED = ("duckdb", "numpy", "pyarrow", "shapely", "rasterio", "pyogrio", "mapbox-earcut")


def benches() -> list[Bench]:
    """Every bench, by name."""
    names = sorted(p.stem for p in Path(__file__).parent.glob("bench_*.py"))
    modules = [importlib.import_module(n) for n in names]
    return [m.BENCH for m in modules if hasattr(m, "BENCH")]


def run(bench: Bench, *, quick: bool) -> list[dict[str, Any]]:
    """One bench's figures, printed as they come; a bench that fails says so and stops no other."""
    print(f"\n{bench.name}: {bench.title}", flush=True)
    rows: list[dict[str, Any]] = []
    start = time.perf_counter()
    try:
        for figure in bench.run(quick):
            print(line(figure), flush=True)
            rows.append({"bench": bench.name, **asdict(figure)})
    except Exception:  # noqa: BLE001  the other benches are still wanted
        traceback.print_exc()
        rows.append({"bench": bench.name, "what": "failed", "value": traceback.format_exc(limit=-1)})
    print(f"  ({time.perf_counter() - start:.0f} s)", flush=True)
    return rows


def line(figure: Figure) -> str:
    """A figure as one line of the table."""
    verdict = {True: "met", False: "MISSED", None: ""}[figure.met]
    return f"  {figure.what:<66} {worded(figure.value):>12} {figure.unit:<12} {figure.goal:<10} {verdict}".rstrip()


def worded(value: float | str) -> str:
    """A value with three or four digits that mean something."""
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def machine() -> dict[str, Any]:
    """What the figures were taken on and with."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit.stdout.strip(),
        "processors": os.cpu_count(),
        "load": os.getloadavg()[0],
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in NAMED},
    }


def main() -> None:
    """Run and print; exit code 1 when a bench failed (a goal that was missed is a figure, not a failure)."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="only these benches")
    parser.add_argument("--quick", action="store_true", help="small sizes: minutes become seconds")
    given = parser.parse_args()
    found = benches()
    if unknown := sorted(set(given.names) - {b.name for b in found}):
        parser.error(f"no bench {', '.join(unknown)}; there are {', '.join(b.name for b in found)}")
    # Asked to stop, it stops as at Ctrl-C: servers and folders of the benches go with it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    about = machine()
    print(*(f"{k}: {v}" for k, v in about.items()), sep="\n")
    wanted = [b for b in found if not given.names or b.name in given.names]
    figures = [row for bench in wanted for row in run(bench, quick=given.quick)]
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{datetime.now(UTC):%Y-%m-%dT%H%M%S}.json"
    said = {**about, "quick": given.quick, "figures": figures}
    path.write_bytes(orjson.dumps(said, option=orjson.OPT_INDENT_2))
    print(f"\n{path.relative_to(ROOT)}")
    sys.exit(any(row["what"] == "failed" for row in figures))


if __name__ == "__main__":
    main()
