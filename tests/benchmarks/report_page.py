"""How long a report of many runs takes to open in Chromium: 200 runs of 2,000 points, against a page of the plotting
library alone with one empty chart, in the same run.

python tests/benchmarks/report_page.py
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import sync_playwright
from plotly.offline import get_plotlyjs

from dougong.report.write import write_report
from dougong.runs.folders import find_runs
from dougong.runs.read import read_run

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
from run_folders import config, write_predictions, write_run

READY = "document.documentElement.dataset.ready = String(Math.round(performance.now()))"
PEER = f"""<!doctype html><meta charset=utf-8><div id=plot></div><script>LIBRARY</script>
<script>Plotly.newPlot("plot", [{{y: [1, 2]}}]).then(() => {{ {READY} }})</script>"""


def main() -> None:
    """Write both pages, open them in turn, print the fastest and the median of each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--points", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        make_runs(top / "runs", given.runs, given.points)
        begun = time.perf_counter()
        write_report([read_run(path) for path in find_runs([top / "runs"])], top / "report.html", 200)
        size = (top / "report.html").stat().st_size / 2**20
        print(
            f"{given.runs} runs x {given.points} points: {size:.1f} MiB, written in {time.perf_counter() - begun:.1f} s"
        )
        (top / "peer.html").write_text(PEER.replace("LIBRARY", get_plotlyjs()))
        show(top, given.rounds, given.chromium)


def make_runs(top: Path, runs: int, points: int) -> None:
    """A sweep of four attentions, five rates, two dropouts and as many seeds as it takes."""
    random = np.random.default_rng(0)
    for number in range(runs):
        attention, lr = ("full", "local", "sparse", "atrous")[number % 4], 10.0 ** -(1 + number // 4 % 5)
        task = {"name": "classification", "dropout": number // 20 % 2 / 10}
        accuracy = 0.6 + 0.2 * random.random()
        folder = write_run(
            top / str(number), config(attention, number // 40, lr, task=task), accuracy=accuracy, points=points
        )
        write_predictions(folder, (random.random(400) < accuracy).tolist())


def show(top: Path, rounds: int, chromium: str) -> None:
    """Wall time from opening to the table and to the first chart, and the processor time of the page's main thread."""
    found: dict[str, list[list[float]]] = {"report.html": [], "peer.html": []}
    with sync_playwright() as playwright:
        for _ in range(rounds):
            for name, rows in found.items():
                browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
                page = browser.new_page(viewport={"width": 1440, "height": 900})
                page.goto((top / name).as_uri())
                page.wait_for_selector("html[data-ready]", timeout=120_000)
                rows.append([*(mark(page, what) for what in ("table", "ready")), processor_time()])
                browser.close()
    for name, rows in found.items():
        best, median = np.min(rows, axis=0), np.median(rows, axis=0)
        figures = zip(COLUMNS, best, median, strict=True)
        cells = [f"{what} {low:.2f} ({middle:.2f})" for what, low, middle in figures if np.isfinite(low)]
        print(f"{name:<12} seconds, best (median): {', '.join(cells)}")


COLUMNS = ("table", "first chart", "processor time of the main thread")


def mark(page: Any, name: str) -> float:
    """A time that the page noted, in seconds since it was opened."""
    return float(page.get_attribute("html", f"data-{name}") or "nan") / 1000


def processor_time() -> float:
    """Seconds that the main thread of the busiest page has computed: what an idle core would have taken."""
    busiest = 0.0
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if b"--type=renderer" in (path / "cmdline").read_bytes():
                used = int((path / "task" / path.name / "schedstat").read_text().split()[0]) / 1e9
                busiest = max(busiest, used)
        except OSError:
            continue
    return busiest


if __name__ == "__main__":
    main()
