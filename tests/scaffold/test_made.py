"""What `dougong plugins new` makes passes its own tests, ruff and mypy at once, for every kind that there is."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dougong.kinds import KINDS
from dougong.scaffold.render import TEMPLATES
from dougong.scaffold.write import as_distribution, into_folder

# Ruff's own rules, and those of this project; imports are sorted as in a project that Dougong is foreign to.
RULES = ("E", "F", "W", "I", "B", "UP", "SIM", "C4", "RUF", "PT", "PIE", "N", "RET")
SHORT, LONG = "x", "window_of_words"


def run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *words], cwd=cwd, capture_output=True, text=True, timeout=600)


def passes(*words: str, cwd: Path) -> None:
    done = run(*words, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr


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


def test_what_is_made_passes_ruff_with_its_own_rules_and_with_ours(made):
    passes("ruff", "check", "--isolated", ".", cwd=made)
    passes("ruff", "check", "--isolated", "--line-length=88", f"--select={','.join(RULES)}", ".", cwd=made)
    passes("ruff", "format", "--isolated", "--check", ".", cwd=made)
    passes("ruff", "check", cwd=made / "dougong-made")
    passes("ruff", "format", "--check", cwd=made / "dougong-made")


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_made_passes_its_own_tests(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    into_folder(kind, "fresh", Path("mine"))
    passes("pytest", "-q", "-p", "no:cacheprovider", "mine", cwd=tmp_path)


@pytest.mark.slow
def test_what_is_made_passes_mypy_strict(made, monkeypatch):
    monkeypatch.setenv("MYPYPATH", os.pathsep.join(filter(Path, sys.path)))
    for kind in KINDS:  # one module a kind, since no two may have one name
        (made / "typed" / kind).mkdir(parents=True)
        for path in (made / "folders" / f"{kind}_{LONG}").glob("*.py"):
            path.rename(made / "typed" / kind / path.name.replace(LONG, kind))
    files = sorted(map(str, (made / "typed").rglob("*.py")))
    passes("mypy", "--strict", "--cache-dir=.cache", *files, cwd=made)


@pytest.mark.parametrize(
    "words", [("attention", "attention"), ("attention", "tensor"), ("data", "data"), ("task", "task")]
)
def test_a_name_that_its_file_uses_already_does_no_harm(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    into_folder(*words, Path("mine"))
    passes("ruff", "check", "--isolated", "mine", cwd=tmp_path)
    script = f"import dougong; dougong.plugins({words[0]!r})[{words[1]!r}].load()"
    environment = {**os.environ, "DOUGONG_PLUGINS": "mine"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    assert not done.stderr
