"""Guides are true: every code block is run, and prints what the page says."""

import subprocess
from pathlib import Path

import pages
import pytest

DOCS = Path(__file__).parents[2] / "docs"
LONG = [DOCS / "optimizers.md", DOCS / "tutorial.md"]
PAGES = [*sorted((DOCS / "guides").glob("*.md")), *(pytest.param(page, marks=pytest.mark.slow) for page in LONG)]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_the_code_blocks_of_a_guide_do_what_it_says(page, command, tmp_path):
    environment = pages.environment(tmp_path / "programs", command.environment)
    found = list(pages.blocks(page.read_text(encoding="utf-8")))
    assert found, "a guide has code"
    try:
        for block in found:
            pages.run(block, command.folder, environment)
    finally:
        for file in command.folder.glob("*.pid"):  # of a program that a page left running because it went wrong
            subprocess.run(["kill", file.read_text().strip()], stderr=subprocess.DEVNULL)


@pytest.mark.parametrize(
    ("printed", "passes"),
    [
        ("one 1.5\nthree", False),
        ("one 1.5\n...\nthree", True),
        ("one 7\ntwo\nthree", True),
        ("two\n...", False),
        ("...\ntwo\n...", True),
        ("...\nfour", False),
    ],
)
def test_an_output_that_is_not_what_a_page_says_is_noticed(printed, passes, tmp_path, command):
    page = f"```console\n$ printf 'one 2.5\\ntwo\\nthree\\n'\n{printed}\n```\n"
    (block,) = pages.blocks(page)
    if passes:
        pages.run(block, tmp_path, command.environment)
    else:
        with pytest.raises(AssertionError, match="should print"):
            pages.run(block, tmp_path, command.environment)


def test_a_change_that_does_not_fit_its_file_is_noticed(tmp_path, command):
    (tmp_path / "a.py").write_text("one = 1\ntwo = 2\n")
    (good, bad) = pages.blocks(
        '```diff title="a.py"\n one = 1\n-two = 2\n+two = 3\n```\n\n```diff title="a.py"\n-two = 2\n+two = 4\n```\n'
    )
    pages.run(good, tmp_path, command.environment)
    assert (tmp_path / "a.py").read_text() == "one = 1\ntwo = 3\n"
    with pytest.raises(AssertionError, match="does not have"):
        pages.run(bad, tmp_path, command.environment)
