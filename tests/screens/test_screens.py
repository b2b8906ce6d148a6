"""The pictures of the guides show what the pages are."""

import subprocess
import sys
from pathlib import Path

import make
import pytest


@pytest.mark.slow
def test_the_pages_are_as_the_pictures_show_them(chromium):
    for library, extra in (("trackio", "dashboard"), ("matplotlib", "plots"), ("plotly", "report")):
        pytest.importorskip(library, reason=f"the extra `{extra}` is not installed")
    script = Path(make.__file__)
    done = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_picture_that_shows_something_else_is_named():
    said = {name: {"columns": []} for name in ("report.png",)}
    assert any(line.startswith("docs/images/report.png: shows") for line in make.compare(said))


def test_every_picture_is_small_and_shown_by_a_guide():
    guides = "".join(path.read_text(encoding="utf-8") for path in (make.TOP / "docs" / "guides").glob("*.md"))
    for path in make.IMAGES.glob("*.png"):
        assert path.stat().st_size < make.LARGEST
        assert f"../images/{path.name}" in guides
