"""Makes the pictures of the guides from real runs: `python tests/screens/make.py`; `--check` says what is not as shown.

Needs Chromium, the extras `dashboard`, `plots` and `report`, and a font with Chinese characters for the toy texts. What
a page shows changes with every run (figures, times); its headings, columns and sections do not, and are what `--check`
compares with `docs/images/screens.json`.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TOP = Path(__file__).parents[2]
IMAGES = TOP / "docs" / "images"
STRUCTURE = IMAGES / "screens.json"
LARGEST = 200_000
"""Bytes of a picture."""
SMALL = ("encoder.layers=1", "embedding.dim=64", "optimizer.lr=0.003", "trainer.max_epochs=4", "trainer.log_every=1")
RUNS = (
    ("-m", "attention=local", "attention.local.window=1,16", "seed=1,2", "data.size=600", "tracker=csv", *SMALL),
    ("attention=full", "data.size=600", "tracker=[csv,plot]", *SMALL),
)
Look = dict[str, Any]


def main() -> int:
    """Make the pictures, or check them."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--check", action="store_true", help="change nothing; fail where a page is not as shown")
    check = words.parse_args().check
    with tempfile.TemporaryDirectory() as work:
        made = make(Path(work))
        found = {name: look for name, (_, look) in made.items()}
        if check:
            problems = list(compare(found))
            print("\n".join(problems) or "All pictures are as shown.")
            return 1 if problems else 0
        for name, (path, _) in made.items():
            keep(path, IMAGES / name)
        STRUCTURE.write_text(json.dumps(found, ensure_ascii=False, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return 0


def make(work: Path) -> dict[str, tuple[Path, Look]]:
    """Train, open each page, and take its picture: by name of the file, the picture and what the page shows."""
    from playwright.sync_api import sync_playwright

    for words in RUNS:
        dougong(work, "train", *words)
    dougong(work, "report", "output=report.html")
    curves = next(work.glob("outputs/*/*/curves.png"))
    with sync_playwright() as running, serving(work) as address:
        browser = running.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        pages = Pages(browser, work)
        page = (work / "report.html").as_uri()
        found = {
            "report.png": pages.take("report.png", page, report, 1280, 900),
            "report_dark.png": pages.take("report_dark.png", page, at("#curves"), 1280, 900, "dark"),
            "report_compared.png": pages.take("report_compared.png", page, at("#compare"), 1280, 900),
            "report_phone.png": pages.take("report_phone.png", page, report, 390, 800),
            "report_phone_dark.png": pages.take("report_phone_dark.png", page, at("#curves"), 390, 800, "dark"),
            "dashboard.png": pages.take("dashboard.png", address, dashboard, 1280, 900),
            "dashboard_run.png": pages.take("dashboard_run.png", address, dashboard_run, 1280, 700),
        }
        browser.close()
    return {**found, "curves.png": (curves, {})}


class Pages:
    """Takes pictures of pages in a browser."""

    def __init__(self, browser: Any, work: Path) -> None:
        self.browser = browser
        self.work = work

    def take(
        self, name: str, url: str, look: Callable[[Any], Look], width: int, height: int, scheme: str = "light"
    ) -> tuple[Path, Look]:
        """Open a page, bring it to where it is to be seen, and take the picture."""
        page = self.browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
        page.goto(url)
        found = look(page)
        page.wait_for_timeout(800)
        page.screenshot(path=str(self.work / name))
        page.close()
        return self.work / name, found


def report(page: Any) -> Look:
    """The headings of the report and the columns of its table, at its top."""
    page.wait_for_selector("html[data-ready]")
    columns = page.locator("#table thead th button").all_inner_texts()
    return {"headings": page.locator("h1, h2").all_inner_texts(), "columns": columns, "runs": _rows(page)}


def at(section: str) -> Callable[[Any], Look]:
    """The report, from one of its sections on."""

    def look(page: Any) -> Look:
        found = report(page)
        page.evaluate(f"document.querySelector('{section}').scrollIntoView()")
        page.wait_for_selector(f"{section} .main-svg, {section} table, {section} select", state="attached")
        return found

    return look


def dashboard(page: Any) -> Look:
    """The sections of the dashboard, grouped by a setting."""
    page.wait_for_selector("text=examples_per_second", timeout=30_000)
    page.wait_for_selector("text=Runs (5)")
    page.get_by_placeholder("e.g., loss").fill("train|valid")
    page.wait_for_selector("text=process_mib", state="detached")
    page.wait_for_timeout(2500)
    text = page.inner_text("body")
    return {"sections": [name for name in ("optimizer", "train", "valid") if f"\n{name} (" in text]}


def dashboard_run(page: Any) -> Look:
    """A run's own page with its configuration."""
    dashboard(page)
    page.get_by_text("Runs", exact=True).last.click()
    page.get_by_text("window=16,seed=2").last.click()
    page.wait_for_selector("text=Configuration")
    text = page.inner_text("body")
    return {"settings": [name for name in ("folder", "state", "command", "attention", "seed") if f'"{name}":' in text]}


def compare(found: dict[str, Look]) -> Iterator[str]:
    """What is not as the pictures show it."""
    said = json.loads(STRUCTURE.read_text(encoding="utf-8"))
    for name in sorted(said.keys() | found.keys()):
        if said.get(name) != found.get(name):
            yield f"docs/images/{name}: shows {said.get(name)}, the page has {found.get(name)}."
        elif not (IMAGES / name).is_file() or (IMAGES / name).stat().st_size > LARGEST:
            yield f"docs/images/{name}: missing, or larger than {LARGEST:,} bytes."


def keep(path: Path, target: Path) -> None:
    """Write a picture in few colours, which takes a third."""
    from PIL import Image

    target.parent.mkdir(exist_ok=True)
    picture = Image.open(path).convert("RGB")
    picture.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(target, optimize=True)


def dougong(work: Path, *words: str) -> None:
    """Run a command in the folder."""
    command = [sys.executable, "-m", "dougong", *words]
    subprocess.run(command, cwd=work, env=environment(), check=True, stdout=subprocess.DEVNULL)


@contextmanager
def serving(work: Path) -> Iterator[str]:
    """The dashboard, while it is used."""
    command = [sys.executable, "-m", "dougong", "dashboard", "port=0"]
    process = subprocess.Popen(command, cwd=work, env=environment(), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().split()[1]
    finally:
        process.terminate()
        process.wait(20)


def environment() -> dict[str, str]:
    """This checkout, whatever is installed."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(TOP / "framework"), str(TOP / "plugins")])}


def _rows(page: Any) -> int:
    count: int = page.locator("#table tbody tr:not(.details)").count()
    return count


if __name__ == "__main__":
    sys.exit(main())
