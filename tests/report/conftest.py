"""A report in a real browser: headless Chromium, driven from outside, with every error that its console shows."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from run_folders import config, write_predictions, write_run

from dougong.report.write import write_report
from dougong.runs.folders import find_runs
from dougong.runs.read import read_run


@pytest.fixture(scope="session")
def run_folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two attentions with three seeds each, and a run that failed before it measured anything."""
    top = tmp_path_factory.mktemp("runs")
    for place, (attention, seed) in enumerate((name, seed) for name in ("full", "local") for seed in (1, 2, 3)):
        accuracy = (0.9 if attention == "local" else 0.7) + seed / 100
        words = [f"attention={attention}", f"seed={seed}"]
        folder = write_run(
            top / str(place), config(attention, seed), accuracy=accuracy, overrides=words, seconds=10.0 + place
        )
        write_predictions(folder, [number % 10 < 10 * accuracy - 0.5 for number in range(100)])
    write_run(top / "6", config("local", 4), metrics={}, status="failed", error="ValueError: <b>no</b> & </script>")
    (top / "6" / "metrics.csv").unlink()
    return top


@pytest.fixture(scope="session")
def page_file(run_folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Their report."""
    pytest.importorskip("plotly", reason="the extra `report` is not installed")
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_report([read_run(folder) for folder in find_runs([run_folders])], path, 50)
    return path


@dataclass
class Opened:
    """A report in a browser.

    Args:
        page: of Playwright.
        errors: what went wrong on it.
        asked: addresses that it asked for, itself left out.
    """

    page: Any
    errors: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def listen(self) -> None:
        """Take note of errors and requests."""
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        self.page.on("request", lambda request: self.asked.append(request.url))

    def column(self, title: str) -> list[str]:
        """The cells of a column, from the top."""
        titles = self.page.locator("#table thead th button").all_inner_texts()
        rows = self.page.locator("#table tbody tr:not(.details)")
        return [str(row.locator("> *").nth(titles.index(title)).inner_text()) for row in rows.all()]

    def filter(self, words: str) -> None:
        """Type into the filter, and wait for what follows."""
        self.page.fill("#filter", words)
        self.page.wait_for_timeout(300)

    def drawn(self, name: str) -> None:
        """Scroll to a chart and wait until it is drawn."""
        self.page.locator(f"#{name}").scroll_into_view_if_needed()
        self.page.wait_for_selector(f"#{name}[data-drawn] .main-svg, #{name}[data-drawn] canvas", state="attached")


@pytest.fixture(scope="session")
def pages(
    chromium: Any,
    page_file: Path,
) -> Callable[..., Opened]:
    """Opens the report once for each width and theme: to open it takes longer than most tests."""
    made: dict[tuple[int, str], Opened] = {}

    def open_page(width: int = 1440, scheme: str = "light") -> Opened:
        if (width, scheme) not in made:
            context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
            made[width, scheme] = opened = Opened(context.new_page())
            opened.listen()
            opened.page.goto(page_file.as_uri())
            opened.page.wait_for_selector("html[data-ready]", timeout=60_000)
        return made[width, scheme]

    return open_page


@pytest.fixture
def opened(pages: Callable[..., Opened], page_file: Path) -> Iterator[Callable[..., Opened]]:
    """The report as it is at first; after the test, nothing may have gone wrong or been asked of a network."""
    used = []

    def reset(width: int = 1440, scheme: str = "light") -> Opened:
        found = pages(width, scheme)
        used.append(found)
        found.filter("")
        found.page.click("[data-mode=runs]")
        main = "th[data-column='measure:valid/accuracy']"
        while found.page.get_attribute(main, "aria-sort") != "descending":
            found.page.click(f"{main} button")
        return found

    yield reset
    for found in used:
        assert found.errors == []
        assert [url for url in found.asked if not url.startswith(("data:", "blob:"))] == [page_file.as_uri()]
