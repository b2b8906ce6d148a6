"""The dashboard in a browser: it opens, shows the runs and their curves, and complains of nothing."""

import json

import pytest
from run_folders import config, write_run

pytestmark = pytest.mark.slow


@pytest.fixture
def multirun(tmp_path):
    """Two jobs, as a sweep leaves them."""
    top = tmp_path / "multirun" / "day" / "time"
    jobs = [
        {"folder": str(n), "label": f"attention={name}", "words": [f"attention={name}"]}
        for n, name in enumerate(("full", "local"))
    ]
    for job, name in zip(jobs, ("full", "local"), strict=True):
        write_run(top / job["folder"], config(name))
    (top / "sweep.json").write_text(json.dumps({"jobs": jobs}))
    return top


def test_it_shows_runs_curves_by_section_groups_and_settings_and_asks_nobody_else(dashboard, chromium, multirun):
    address, _ = dashboard(str(multirun))
    page = chromium.new_page(viewport={"width": 1440, "height": 900})
    errors, asked = [], []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    page.wait_for_selector("text=attention=local (time/1)", timeout=20_000)
    page.wait_for_selector("text=examples_per_second")
    text = page.inner_text("body")
    for shown in ("Runs (2)", "attention=full (time/0)", "speed (1)", "train (1)", "valid (1)", "examples_per_second"):
        assert shown in text
    page.wait_for_selector("canvas, svg.marks", state="attached")
    page.click("input[aria-label='Group by']")
    names = page.inner_text(".group-by-row").splitlines()
    assert {"attention", "attention.local.window", "seed", "state"} <= set(names)
    page.keyboard.press("Escape")
    page.get_by_text("Runs", exact=True).last.click()
    page.get_by_text("attention=local (time/1)", exact=True).last.click()
    page.wait_for_selector("text=Configuration")
    assert '"attention.local.window": 4' in page.inner_text("body")
    page.close()
    assert errors == []
    top = address.partition("?")[0]
    assert [url for url in asked if not url.startswith((top, "data:", "blob:"))] == []
