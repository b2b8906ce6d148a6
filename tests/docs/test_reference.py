"""The reference is made from the source, whole, and without torch."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dougong.compose.config_source import current_catalogue
from dougong.kinds import KINDS
from dougong.registry.discovery import BUILT_IN

HOOKS = Path(__file__).parents[2] / "docs" / "hooks"
PROGRAM = "import json, reference; print(json.dumps({path: text for _, path, text in reference.pages()}))"


@pytest.fixture
def pages(without_torch) -> dict[str, str]:
    """Path and Markdown of each page, made where importing torch ends the process."""
    pytest.importorskip("mkdocs", reason="the extra `docs` is not installed")
    path = os.pathsep.join((str(HOOKS), without_torch.environment["PYTHONPATH"]))
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**without_torch.environment, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return json.loads(run.stdout)


def test_every_built_in_plugin_is_there_with_all_its_settings(pages):
    assert {f"reference/{kind}.md" for kind in KINDS} <= set(pages)
    for plugin in current_catalogue():
        if plugin.origin != BUILT_IN:
            continue
        section = pages[f"reference/{plugin.kind}.md"].partition(f"## {plugin.name} {{")[2].partition("\n## ")[0]
        assert plugin.doc.partition(" ")[0] in section
        prefix = f"{plugin.kind}.{plugin.name}" if KINDS[plugin.kind].several else plugin.kind
        for setting in plugin.schema.settings:
            assert f"| `{prefix}.{setting.name}` |" in section


def test_papers_are_links_and_types_have_their_bounds(pages):
    assert "[arXiv 2004.09740](https://arxiv.org/abs/2004.09740)" in pages["reference/optimizer.md"]
    assert "[kexue.fm 6853](https://kexue.fm/archives/6853)" in pages["reference/attention.md"]
    row = next(line for line in pages["reference/attention.md"].splitlines() if "`attention.local.window`" in line)
    assert "whole number &gt;= " in row
    assert "auto &#124; blocked" in pages["reference/attention.md"]


def test_what_is_public_in_python_is_there(pages):
    for name in ("train", "load", "create", "plugins", "register"):
        assert f"## dougong.{name} " in pages["reference/python.md"]
    assert "trainer.accumulate_grad_batches" in pages["reference/settings.md"]
    assert "## dougong plugins check" in pages["reference/commands.md"]


def test_markup_takes_nothing_of_a_docstring_for_markup(monkeypatch):
    monkeypatch.syspath_prepend(str(HOOKS))
    import markup

    assert markup.linked("a < b and 2*n, `x < [y]`") == r"a &lt; b and 2\*n, `x < [y]`"
    assert markup.linked("see https://a.b/c.") == "see [https://a.b/c](https://a.b/c)."
    assert markup.sources("arXiv 1608.03983 and kexue.fm 6869, https://kexue.fm/archives/6869") == [
        "[arXiv 1608.03983](https://arxiv.org/abs/1608.03983)",
        "[kexue.fm 6869](https://kexue.fm/archives/6869)",
    ]
    assert markup.docstring("One.\n\nArgs:\n    a: what\n        more.\n\nReturns:\n    it") == (
        "One.\n\n*Arguments*\n\n- `a`: what\n    more.\n\n*Returns*\n\nit"
    )
