"""Every command of every page would work: what is too long to run is composed, so that a typo is a failing test."""

from pathlib import Path

import pages
import pytest
import said

DOCS = Path(__file__).parents[2] / "docs"
# The guides' blocks are run, by test_guides.
PAGES = [
    *sorted(DOCS.parent.glob("README*.md")),
    *sorted(DOCS.glob("*.md")),
    *sorted((DOCS / "systems").glob("*.md")),
    *sorted((DOCS / "benchmarks").glob("*.md")),
    *sorted((DOCS / "experiments").glob("*.md")),
]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(DOCS.parent).as_posix())
def test_the_commands_of_a_page_would_work(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for block in pages.blocks(page.read_text(encoding="utf-8")):
        said.check_block(block, tmp_path)
