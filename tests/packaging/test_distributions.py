"""Plugins of other people's packages, installed as wheels: found, run, checked, and gone without trace."""

import json
import shutil
from pathlib import Path

import pytest
from environments import attempt, install, make, run, wheel

pytest.importorskip("hatchling", reason="hatchling builds the packages; `pip install hatchling editables` to run these")
pytest.importorskip("editables", reason="hatchling needs `editables` for an editable install")

from dougong.kinds import KINDS
from dougong.scaffold.write import as_distribution

pytestmark = pytest.mark.slow

CHECKOUT = Path(__file__).parents[2]
EXAMPLES = CHECKOUT / "docs" / "examples"
TINY = ["encoder.layers=1", "embedding.dim=32", "data.size=50", "data.valid_size=20", "data.test_size=20"]
QUICK = ["trainer=debug", "tracker=csv", *TINY]


@pytest.fixture(scope="module")
def dougong(tmp_path_factory) -> Path:
    """The programs of an environment in which Dougong is installed as developers have it."""
    programs = make(tmp_path_factory.mktemp("environment") / "venv")
    install(programs, "--editable", CHECKOUT)
    return programs


@pytest.fixture
def added(dougong, tmp_path):
    """Builds the wheel of a project and installs it, until the test is over."""
    names = []

    def add(project: Path) -> None:
        source = tmp_path / "source" / project.name
        shutil.copytree(project, source)
        install(dougong, wheel(source, tmp_path / "dist" / project.name))
        names.append(project.name)

    yield add
    for name in names:
        remove(dougong, name)


def remove(programs: Path, *names: str) -> None:
    run(programs / "python", "-m", "pip", "uninstall", "--quiet", "--yes", *names, cwd=programs)


def plugins(programs: Path, folder: Path) -> dict[tuple[str, str, str], str | None]:
    """(kind, name, origin) of each plugin that is listed, and what is wrong with it."""
    rows = json.loads(run(programs / "dougong", "plugins", "--json", cwd=folder))
    return {(row["kind"], row["name"], row["origin"]): row["problem"] for row in rows}


def files(programs: Path) -> set[str]:
    folder = programs.parent
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if "__pycache__" not in path.parts}


def test_the_example_is_found_by_its_entry_point_and_runs_beside_built_in_plugins(dougong, added, tmp_path):
    before = plugins(dougong, tmp_path)
    added(EXAMPLES / "dougong-linear-attention")
    after = plugins(dougong, tmp_path)
    origin = "dougong-linear-attention 0.1.0"
    assert after == {**before, ("attention", "linear", origin): None, ("task", "prototypes", origin): None}
    shown = run(dougong / "dougong", "plugins", "show", "attention/linear", cwd=tmp_path)
    assert "attention.linear.feature_map" in shown
    assert origin in shown
    words = ("attention=[linear,local]", "attention.linear.feature_map=relu", "task=prototypes", *QUICK)
    run(dougong / "dougong", "train", *words, cwd=tmp_path)
    (metrics,) = tmp_path.glob("outputs/*/*/metrics.csv")
    assert "train/loss" in metrics.read_text()
    matrix = json.loads(run(dougong / "dougong", "plugins", "matrix", "--json", cwd=tmp_path))
    met = {frozenset((row["one"], row["other"])): row["reason"] for row in matrix["pairs"]}
    assert met[frozenset(("attention/linear", "task/prototypes"))] is None
    assert met[frozenset(("attention/linear", "task/causal_lm"))] is None
    assert "LabelledText" in met[frozenset(("task/prototypes", "data/text_file"))]


def test_the_example_is_checked_by_the_kit_and_passes_its_own_tests(dougong, added, tmp_path):
    added(EXAMPLES / "dougong-linear-attention")
    tests = tmp_path / "source" / "dougong-linear-attention" / "tests"
    run(dougong / "dougong", "plugins", "check", "attention/linear", cwd=tmp_path)
    run(dougong / "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", tests, cwd=tmp_path)


def test_a_distribution_is_uninstalled_without_trace(dougong, added, tmp_path):
    before, known = files(dougong), plugins(dougong, tmp_path)
    added(EXAMPLES / "dougong-linear-attention")
    assert files(dougong) > before
    # Imported, too: that leaves compiled files behind.
    run(dougong / "python", "-c", "import dougong; dougong.plugins('attention')['linear'].load()", cwd=tmp_path)
    remove(dougong, "dougong-linear-attention")
    assert files(dougong) == before
    assert plugins(dougong, tmp_path) == known
    refused = attempt(dougong / "dougong", "train", "attention=linear", cwd=tmp_path)
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "there is no such attention" in refused.stderr


def test_a_broken_package_is_listed_with_its_reasons_and_takes_nothing_down(dougong, added, tmp_path):
    before = plugins(dougong, tmp_path)
    for name in ("dougong-broken", "dougong-outdated"):
        added(EXAMPLES / name)
    found = plugins(dougong, tmp_path)
    broken, outdated = "dougong-broken 0.1.0", "dougong-outdated 0.1.0"
    assert {key: found[key] for key in before} == before
    assert found.keys() - before.keys() == {
        ("schedule", "raises", broken),
        ("attention", "full", broken),
        ("schedule", "steps", outdated),
    }
    assert found["attention", "full", broken].startswith("the name is taken by the built-in plugin at ")
    assert found["schedule", "steps", outdated].startswith("it needs numpy>=99, and ")
    for words, reason in (
        (("train", "schedule=raises"), "RuntimeError: this package is broken"),
        (("train", "schedule=steps"), "schedule/steps can't be used: it needs numpy>=99"),
        (("plugins", "show", "schedule/steps"), "it needs numpy>=99"),
    ):
        refused = attempt(dougong / "dougong", *words, cwd=tmp_path)
        assert (refused.returncode, refused.stderr.count("\n")) == (2, 1), refused.stderr
        assert reason in refused.stderr
    matrix = run(dougong / "dougong", "plugins", "matrix", cwd=tmp_path)
    assert "left out schedule/steps: it needs numpy>=99" in matrix
    assert "combinations of attention" in matrix.splitlines()[-1]
    # `attention=full`, whose name the package bears too, is the built-in one as ever.
    run(dougong / "dougong", "train", *QUICK, cwd=tmp_path)


def test_what_the_scaffold_makes_is_installed_and_passes_its_own_tests_for_every_kind(
    dougong, added, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    for kind in KINDS:
        as_distribution(kind, f"made_{kind}", "dougong-made")
    added(tmp_path / "dougong-made")
    found = plugins(dougong, tmp_path)
    assert all(found[kind, f"made_{kind}", "dougong-made 0.1.0"] is None for kind in KINDS)
    # The checks that take long are made of the same plugins in a folder, in tests/scaffold.
    quick = "not (compilation or resumed_run or whole_run or learning or torch_free)"
    run(dougong / "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", quick, cwd=tmp_path / "dougong-made")
