"""What `dougong plugins new` makes passes its own tests, ruff and mypy at once, for every kind that there is."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dougong.kinds import KINDS
from dougong.scaffold.render import TEMPLATES
from dougong.scaffold.write import as_distribution, into_folder

# Ruff's own rules, and those of this project; imports are sorted as in a project that Dougong is foreign to.
RULES = ("E", "F", "W", "I", "B", "UP", "SIM", "C4", "RUF", "PT", "PIE", "N", "RET")
SHORT, LONG = "x", "window_of_words"


@pytest.fixture
def passes(command) -> Callable[..., str]:
    """Runs a Python program that must succeed."""

    def run(*words: str, cwd: Path, **environment: str) -> str:
        done = subprocess.run(
            [sys.executable, *words],
            cwd=cwd,
            env={**command.environment, **environment},
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture
def made(tmp_path, monkeypatch) -> Path:
    """A folder with a plugin of every kind under a short and a longer name, alone and in a distribution."""
    monkeypatch.chdir(tmp_path)
    for kind in KINDS:
        for name in (SHORT, LONG):
            into_folder(kind, name, Path(f"folders/{kind}_{name}"))
            as_distribution(kind, f"{name}_{kind}", "dougong-made")
    return tmp_path


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_template_and_a_test_of_it(kind):
    assert (TEMPLATES / f"{kind}.py").is_file(), f"a kind must bring its scaffold: {TEMPLATES}/{kind}.py"
    assert (TEMPLATES / f"test_{kind}.py").is_file()


def test_every_template_is_of_a_kind():
    assert {path.stem.removeprefix("test_") for path in TEMPLATES.glob("*.py")} == set(KINDS)


def test_what_is_made_passes_ruff_with_its_own_rules_and_with_ours(made, passes):
    ruff = ("-m", "ruff")
    passes(*ruff, "check", "--isolated", ".", cwd=made)
    passes(*ruff, "check", "--isolated", "--line-length=88", f"--select={','.join(RULES)}", ".", cwd=made)
    passes(*ruff, "format", "--isolated", "--check", ".", cwd=made)
    passes(*ruff, "check", cwd=made / "dougong-made")
    passes(*ruff, "format", "--check", cwd=made / "dougong-made")


def test_what_is_made_passes_its_own_tests_and_among_them_the_checks_of_its_kind(tmp_path, passes, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for kind in KINDS:
        into_folder(kind, f"fresh_{kind}", Path("mine"))
    out = passes("-m", "pytest", "-v", "-p", "no:cacheprovider", "mine", cwd=tmp_path)
    for kind in KINDS:
        lines = [line for line in out.splitlines() if f"test_fresh_{kind}.py::" in line and "PASSED" in line]
        assert [line for line in lines if "test_it_keeps_the_contract[" in line], f"nothing was checked of {kind}"
        assert [line for line in lines if "test_it_keeps_the_contract[" not in line], f"{kind} has no test of its own"


@pytest.mark.slow
def test_what_is_made_passes_mypy_strict(made, passes, pytestconfig):
    source = (made / "dougong-made" / "src", made / "dougong-made" / "tests")
    for kind in KINDS:
        for path in (made / "folders" / f"{kind}_{LONG}").glob("*.py"):
            path.rename(source[path.name.startswith("test_")] / path.name.replace(LONG, f"alone_{kind}"))
    # The distribution's own configuration is strict.
    paths = os.pathsep.join(filter(None, [*sys.path, str(source[0])]))
    variables = {"MYPYPATH": os.environ.get("PYTHONPATH", ""), "PYTHONPATH": paths}
    # What mypy knows of torch takes half a minute to find out, and is the same each time.
    known = str(pytestconfig.cache.mkdir("mypy"))
    passes("-m", "mypy", "--cache-dir", known, cwd=made / "dougong-made", **variables)


def test_a_name_that_its_file_uses_already_does_no_harm(tmp_path, monkeypatch, passes):
    monkeypatch.chdir(tmp_path)
    keys = [("attention", "attention"), ("attention", "tensor"), ("data", "data"), ("task", "task"), ("task", "loss")]
    for kind, name in keys:
        into_folder(kind, name, Path("mine") / kind)
    passes("-m", "ruff", "check", "--isolated", "mine", cwd=tmp_path)
    script = "".join(f"dougong.plugins({kind!r})[{name!r}].load()\n" for kind, name in keys)
    passes("-c", f"import dougong\n{script}", cwd=tmp_path, DOUGONG_PLUGINS="mine")
