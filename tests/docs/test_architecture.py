"""The figures in the account of the architecture are those of the code."""

import re
from pathlib import Path

import pytest
from lines import code_lines

from dougong.scaffold.render import TEMPLATES

PAGE = Path(__file__).parents[2] / "docs" / "architecture.md"


@pytest.mark.parametrize(
    ("row", "kind"), [("an attention", "attention"), ("an optimizer", "optimizer"), ("a task head", "task")]
)
def test_the_lines_that_a_new_piece_takes_are_those_of_its_template(row, kind):
    (found,) = re.findall(
        rf"^\| {row} \| 1 new, 0 changed; (\d+) lines", PAGE.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert int(found) == code_lines(TEMPLATES / f"{kind}.py")


def test_code_is_counted_without_blank_lines_comments_and_docstrings(tmp_path):
    path = tmp_path / "it.py"
    head = '"""Doc.\n\nMore.\n"""\n\n# why\nx = """a\nb"""  # two lines\n\n\n'
    path.write_text(f'{head}def f():\n    """Doc."""\n    return (\n        1\n    )\n')
    assert code_lines(path) == 2 + 4
