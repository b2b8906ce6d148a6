"""Each check catches a plugin that breaks its promise and no other: a mutant, which bears the check's name."""

from pathlib import Path

import pytest

from dougong.kinds import KINDS
from dougong.registry.catalogue import Catalogue
from dougong.testing import check_plugin, checks
from dougong.testing.kit import checks_of

MUTANTS = Path(__file__).parent / "mutants"
KNOWN = {
    (plugin.kind, plugin.name)
    for plugin in Catalogue([MUTANTS])
    if plugin.origin == str(MUTANTS) and plugin.kind in KINDS
}
GENERAL = {"contract", "documentation", "reading"}
"""What is checked of every plugin; one mutant each is enough, and those are schedules."""

CHECKS = [(kind, function.__name__) for kind in KINDS for function in checks_of(kind)]
SPECIAL = [(kind, name) for kind, name in CHECKS if name not in GENERAL]
ALL = [*SPECIAL, *(("schedule", name) for name in sorted(GENERAL))]
IDS = ["/".join(pair) for pair in ALL]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some of them write where the program was started."""
    monkeypatch.chdir(tmp_path)


def test_every_kind_has_checks_of_its_own():
    assert {kind for kind, _ in SPECIAL} == set(KINDS)


def test_every_check_has_a_mutant_and_every_mutant_a_check():
    assert set(ALL) == KNOWN


@pytest.mark.parametrize(("kind", "name"), ALL, ids=IDS)
def test_a_check_catches_its_mutant(kind: str, name: str):
    (check,) = (item for item in checks(kind, name, plugin_path=[str(MUTANTS)]) if str(item) == name)
    with pytest.raises(AssertionError) as caught:
        check()
    assert str(caught.value).startswith(f"{kind}/{name} {name}: ")
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "name"), ALL, ids=IDS)
def test_no_other_check_minds_the_mutant(kind: str, name: str):
    report = check_plugin(kind, name, plugin_path=[str(MUTANTS)])
    also = getattr(Catalogue([MUTANTS]).get(kind, name).load(), "also", ())
    failed = {result.name: result.reason for result in report.results if result.outcome == "failed"}
    assert set(failed) == {name, *also}, failed


def test_the_documentation_names_every_check():
    text = (Path(__file__).parents[2] / "docs" / "conformance.md").read_text(encoding="utf-8")
    rows = {line.split("|")[1].strip(): line for line in text.splitlines() if line.startswith("| ")}
    for kind, name in SPECIAL:
        assert f"`{name}`" in rows[kind], f"{kind}: {name}"
    assert all(f"`{name}`" in rows["every kind"] for name in GENERAL)
