"""What the page on conformance shows is what the commands print."""

from pathlib import Path

import pages

from dougong.testing.check import promise
from dougong.testing.kit import checks_of

PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"


def shown(command: str) -> list[str]:
    """What the page says that a command prints."""
    consoles = [block.text for block in pages.blocks(PAGE.read_text(encoding="utf-8")) if block.language == "console"]
    (printed,) = [printed for text in consoles for said, printed in pages.commands(text) if said.startswith(command)]
    return printed


def test_the_matrix_is_that_of_the_built_in_plugins(without_torch):
    printed = without_torch("plugins", "matrix").done().strip()
    pages.compare("dougong plugins matrix", shown("dougong plugins matrix"), printed.splitlines())


def test_the_report_has_every_check_of_its_kind_and_what_it_promises():
    lines = [line for line in shown("dougong plugins check") if line and "->" not in line]
    functions = checks_of("attention")
    for line, function in zip(lines, functions, strict=False):
        outcome, name, told = line.strip().split(None, 2)
        assert outcome in ("passed", "failed", "skipped")
        assert (name, told) == (function.__name__, promise(function))
    outcomes = [line.split()[0] for line in lines[:-1]]
    counts = ", ".join(f"{outcomes.count(outcome)} {outcome}" for outcome in ("passed", "failed", "skipped"))
    assert lines[len(functions) :] == [f"attention/my_window: {len(functions)} checks: {counts}"]
