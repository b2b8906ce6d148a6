"""Every command of every page would work: what is too long to run is composed, so that a typo is a failing test."""

from pathlib import Path

import pages
import pytest
import said

from dougong.errors import UserError

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


@pytest.mark.parametrize("name", ["README.md", "docs/tutorial.md"])
def test_the_chinese_page_has_the_code_of_the_english_one(name):
    """So that what is checked of one is true of the other."""
    page = DOCS.parent / name
    english, chinese = (
        [(block.language, block.title, block.text) for block in pages.blocks(path.read_text(encoding="utf-8"))]
        for path in (page, page.with_suffix(".zh.md"))
    )
    assert english == chinese


def test_a_typo_in_a_command_of_a_page_is_noticed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    good = ["dougong train attention=local attention.local.window=4", "dougong predict checkpoint=F task.n_best=2"]
    for command in good:
        said.check_command(command, [])
    for command in (
        "dougong train attention=locl",
        "dougong train -m attention=full,local attention.lokal.window=4",
        "dougong predict chekpoint=F",
        "dougong predict checkpoint=F task.n_bst=2",
        "dougong plugins show attention/locl",
        "dougong trian",
        "python tests/benchmarks/nothing.py",
        "make demmo",
        "pip install dougong[plotz]",
    ):
        with pytest.raises((AssertionError, UserError)):
            said.check_command(command, [])


def test_what_a_command_is_shown_to_say_is_what_it_says():
    said.check_command("dougong train encoder.heads=0", ["encoder.heads: must be >= 1, got 0."])
    with pytest.raises(AssertionError, match="should say"):
        said.check_command("dougong train encoder.heads=0", ["encoder.heads: must be >= 2, got 0."])


def test_the_python_of_a_page_is_checked():
    said.check_block(pages.Block("python", None, "import dougong\ndougong.train(['attention=local'])\n", 1), DOCS)
    with pytest.raises(UserError, match="attention=locl"):
        said.check_block(pages.Block("python", None, "import dougong\ndougong.train(['attention=locl'])\n", 1), DOCS)
    with pytest.raises(AssertionError):
        said.check_block(pages.Block("python", None, "from dougong.errors import UsrError\n", 1), DOCS)
